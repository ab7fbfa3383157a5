package outboxtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// hour is how long the values of these tests may take, in seconds.
const hour = 3600

// news tells, n seconds after start, that a secret has changed then.
func news(secret, eventID string, n int) outbox.News {
	return outbox.News{
		Source: "cloud", EventID: eventID, Secret: secret, ChangedAt: at(n), ReceivedAt: at(n + 1), Due: at(n + hour),
		Answer: []byte("awaited " + eventID),
		Audit:  audit.Entry{At: at(n + 1), Kind: audit.EventAwaited, Actor: "source/cloud", EventID: eventID, Secret: secret},
	}
}

// awaited is what is to be found of the news.
func awaited(from outbox.News) *outbox.Awaited {
	return &outbox.Awaited{
		Secret: from.Secret, Source: from.Source, EventID: from.EventID,
		ChangedAt: from.ChangedAt, ReceivedAt: from.ReceivedAt, Due: from.Due,
	}
}

func (s *store) await(all ...outbox.News) {
	s.t.Helper()
	for _, from := range all {
		if err := s.Await(s.t.Context(), from); err != nil {
			s.t.Fatalf("await %s: %v", from.Secret, err)
		}
	}
}

func (s *store) secrets(filter outbox.SecretFilter) []outbox.Secret {
	s.t.Helper()
	found, err := s.Secrets(s.t.Context(), filter)
	if err != nil {
		s.t.Fatalf("secrets: %v", err)
	}
	return found
}

// wantAwaited checks what is awaited of all, and their numbers, n seconds
// after start.
func (s *store) wantAwaited(n, waiting, overdue int, want ...*outbox.Awaited) {
	s.t.Helper()
	var got []*outbox.Awaited
	for _, secret := range s.secrets(outbox.SecretFilter{Awaited: true}) {
		got = append(got, secret.Awaited)
	}
	equal(s.t, "awaited", got, want)
	gotWaiting, gotOverdue, err := s.CountAwaited(s.t.Context(), at(n))
	if err != nil {
		s.t.Fatalf("count: %v", err)
	}
	equal(s.t, "numbers", [2]int{gotWaiting, gotOverdue}, [2]int{waiting, overdue})
}

func repeated(t *testing.T, s *store) {
	first, second := change("db", 1, 10, "web"), change("db", 2, 20, "web")
	first.EventID, second.EventID = "body:aa:1", "body:aa:2"
	other := change("other", 1, 30, "web")
	other.EventID = "body:ab:1"
	foreign := change("foreign", 1, 40, "web")
	foreign.Source, foreign.EventID = "another", "body:aa:9"
	s.commit(first, second, other, foreign)
	for _, test := range []struct {
		prefix string
		since  int
		want   string
	}{
		{"body:aa:", 0, "answer db 2"},
		{"body:aa:", 20, "answer db 2"},
		{"body:aa:", 21, ""},
		{"body:ab:", 0, "answer other 1"},
		{"body:ac:", 0, ""},
	} {
		answer, err := s.Repeated(t.Context(), "vault", test.prefix, at(test.since))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, fmt.Sprint(test.prefix, " since ", test.since), string(answer), test.want)
	}
}

func awaitedIsSettled(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	told := news("db", "n1", 1000)
	s.await(told)
	s.wantAwaited(1001, 1, 0, awaited(told))
	s.wantAwaited(1000+hour, 0, 1, awaited(told))
	late := change("db", 2, 2000, "web")
	late.OccurredAt = at(1000 - 301) // a push of the old value, that was on its way for long
	s.commit(late)
	s.wantAwaited(2000, 1, 0, awaited(told))
	s.commit(change("db", 3, 3000, "web"))
	s.wantAwaited(3000, 0, 0)
	equal(t, "audit rows", len(s.rows()), 4)
}

func valueBeforeNews(t *testing.T, s *store) {
	c := change("db", 1, 1000, "web")
	c.OccurredAt = time.Time{} // then the time of its arrival counts
	s.commit(c)
	s.await(news("db", "n1", 1000+300))
	s.wantAwaited(1301, 0, 0)
	told := news("db", "n2", 1000+301)
	s.await(told)
	s.wantAwaited(1301, 1, 0, awaited(told))
}

func deletionSettles(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	s.await(news("db", "n1", 1000))
	gone := change("db", 2, 1010, "web")
	gone.Operation, gone.Sealed[0].Envelope = "delete", nil
	s.commit(gone)
	s.wantAwaited(1010, 0, 0)
	equal(t, "deleted", s.prior(change("db", 3, 0)).Deleted, true)
}

func moreNews(_ *testing.T, s *store) {
	first, second := news("db", "n1", 0), news("db", "n2", 10)
	s.await(first, second)
	want := awaited(second)
	want.Due = first.Due
	s.wantAwaited(11, 1, 0, want)
	// News after the value counts anew.
	s.commit(change("db", 1, 1000, "web"))
	third := news("db", "n3", 2000)
	s.await(third)
	s.wantAwaited(2001, 1, 0, awaited(third))
}

func olderNews(_ *testing.T, s *store) {
	newer := news("db", "n2", 500)
	s.await(newer, news("db", "n1", 100))
	s.wantAwaited(501, 1, 0, awaited(newer))
}

func duplicateNews(t *testing.T, s *store) {
	told := news("db", "n1", 0)
	s.await(told)
	again := news("db", "n1", 50)
	again.Answer = []byte("another answer")
	wantDuplicate(t, s.Await(t.Context(), again), told.Answer)
	s.wantAwaited(51, 1, 0, awaited(told))
	equal(t, "audit rows", len(s.rows()), 1)
}

func overdueOnce(t *testing.T, s *store) {
	first, second := news("a", "n1", 0), news("b", "n2", 100)
	s.await(first, second)
	overdue := func(n int, want ...outbox.Awaited) {
		t.Helper()
		got, err := s.Overdue(t.Context(), at(n))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, fmt.Sprint("overdue at ", n), got, want)
	}
	overdue(hour - 1)
	alerted := *awaited(first)
	alerted.AlertedAt = at(hour)
	overdue(hour, alerted)
	overdue(hour + 1)
	equal(t, "audit rows", len(s.rows()), 3)
	s.commit(change("b", 1, 200, "web"))
	overdue(2 * hour)
	// It is told again of the next change that brings no value.
	s.commit(change("a", 1, 2*hour, "web"))
	third := news("a", "n3", 3*hour)
	s.await(third)
	alerted = *awaited(third)
	alerted.AlertedAt = at(4 * hour)
	overdue(4*hour, alerted)
}

func listSecrets(t *testing.T, s *store) {
	first, gone := change("b", 1, 10, "web"), change("c", 1, 20, "web")
	gone.Operation, gone.Sealed[0].Envelope = "delete", nil
	told := news("a", "n1", 1000)
	s.commit(first, gone)
	s.await(told)
	all := []outbox.Secret{
		{Name: "a", Awaited: awaited(told)},
		{Name: "b", Version: 1, OccurredAt: at(9), ReceivedAt: at(10)},
		{Name: "c", Version: 1, Deleted: true, OccurredAt: at(19), ReceivedAt: at(20)},
	}
	equal(t, "all", s.secrets(outbox.SecretFilter{}), all)
	equal(t, "by name", s.secrets(outbox.SecretFilter{Name: "b"}), all[1:2])
	equal(t, "no such name", s.secrets(outbox.SecretFilter{Name: "d"}), nil)
	equal(t, "awaited", s.secrets(outbox.SecretFilter{Awaited: true}), all[:1])
	equal(t, "first page", s.secrets(outbox.SecretFilter{Limit: 2}), all[:2])
	equal(t, "next page", s.secrets(outbox.SecretFilter{Limit: 2, After: "b"}), all[2:])
}
