package outboxtest

import (
	"errors"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// asked are keys of web that were asked for n seconds after start.
func asked(name string, n int, state outbox.EnrolmentState) outbox.Enrolment {
	return outbox.Enrolment{
		Agent: "web", State: state, Public: "public " + name, KeyID: "key-" + name, Signing: []byte("signing " + name), RequestedAt: at(n),
	}
}

func invited(name, invitation string, n int, state outbox.EnrolmentState) outbox.Enrolment {
	e := asked(name, n, state)
	e.Invitation = []byte(invitation)
	return e
}

func endorsed(name, by string, n int, state outbox.EnrolmentState) outbox.Enrolment {
	e := asked(name, n, state)
	e.Endorser = []byte("signing " + by)
	return e
}

// invite invites web until 100 seconds after start.
func (s *store) invite(digest string) {
	s.t.Helper()
	err := s.Invite(s.t.Context(), outbox.Invitation{Agent: "web", Digest: []byte(digest), ExpiresAt: at(100)}, audit.Entry{At: at(0), Kind: audit.AgentInvited})
	if err != nil {
		s.t.Fatal(err)
	}
}

// enrol asks for the keys, which then have that state; none if it is refused.
func (s *store) enrol(e outbox.Enrolment, want outbox.EnrolmentState) {
	s.t.Helper()
	got, err := s.Enrol(s.t.Context(), e)
	if want == "" {
		if !errors.Is(err, outbox.ErrNotInvited) {
			s.t.Fatalf("%s: %s, %v; want ErrNotInvited", e.KeyID, got.State, err)
		}
		return
	}
	if err != nil || got.State != want || got.KeyID != e.KeyID {
		s.t.Fatalf("%s: %s is %s, %v; want %s", e.KeyID, got.KeyID, got.State, err, want)
	}
}

// wantEnrolments compares "key state" of all.
func (s *store) wantEnrolments(want ...string) []outbox.Enrolment {
	s.t.Helper()
	known, err := s.Enrolments(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	var got []string
	for _, e := range known {
		got = append(got, e.KeyID+" "+string(e.State))
	}
	equal(s.t, "enrolments", got, want)
	return known
}

func (s *store) decide(keyID string, state outbox.EnrolmentState, want error) {
	s.t.Helper()
	err := s.Decide(s.t.Context(), "web", keyID, state, "", audit.Entry{At: at(50), Kind: audit.AgentKeyApproved, Actor: "operator/x"})
	if !errors.Is(err, want) {
		s.t.Fatalf("decide %s: %v, want %v", keyID, err, want)
	}
}

func enrolInvited(t *testing.T, s *store) {
	s.enrol(invited("a", "one", 1, outbox.Requested), "")
	s.invite("one")
	s.invite("two")
	s.enrol(invited("a", "one", 1, outbox.Requested), "") // another took its place
	s.enrol(invited("a", "two", 100, outbox.Requested), "")
	other := invited("a", "two", 1, outbox.Requested)
	other.Agent = "batch"
	s.enrol(other, "")
	s.enrol(invited("a", "two", 1, outbox.Requested), outbox.Requested)
	rows := len(s.rows())
	s.enrol(invited("a", "two", 200, outbox.Approved), outbox.Requested) // the same again
	s.enrol(invited("b", "two", 2, outbox.Requested), "")
	equal(t, "audit rows of what changed nothing", len(s.rows())-rows, 0)

	s.decide("key-b", outbox.Approved, outbox.ErrNotFound)
	s.decide("key-a", outbox.Approved, nil)
	s.decide("key-a", outbox.Denied, outbox.ErrNotFound)
	known := s.wantEnrolments("key-a approved")
	want := invited("a", "two", 1, outbox.Approved)
	want.DecidedAt, want.DecidedBy = at(50), "operator/x"
	equal(t, "enrolment", known[0], want)
	if err := s.Decide(t.Context(), "web", "key-a", outbox.Replaced, "", audit.Entry{}); err == nil {
		t.Error("decided as replaced")
	}
}

func enrolOtherKeys(_ *testing.T, s *store) {
	s.invite("one")
	s.enrol(invited("a", "one", 1, outbox.Approved), outbox.Approved)
	// Other keys need more than an invitation.
	s.invite("two")
	s.enrol(invited("b", "two", 2, outbox.Approved), outbox.Requested)
	s.enrol(endorsed("c", "b", 3, outbox.Approved), "") // not the present key's word
	s.enrol(endorsed("c", "a", 4, outbox.Approved), outbox.Approved)
	s.wantEnrolments("key-a replaced", "key-b replaced", "key-c approved")
	s.enrol(endorsed("d", "a", 5, outbox.Approved), "")
	s.enrol(invited("b", "two", 6, outbox.Approved), outbox.Replaced)
	s.decide("key-b", outbox.Approved, outbox.ErrNotFound)
	// A denied request leaves those that are there.
	s.enrol(endorsed("e", "c", 7, outbox.Requested), outbox.Requested)
	s.enrol(endorsed("f", "c", 8, outbox.Denied), outbox.Denied)
	s.decide("key-e", outbox.Denied, nil)
	s.enrol(endorsed("e", "c", 9, outbox.Approved), outbox.Denied)
	s.wantEnrolments("key-a replaced", "key-b replaced", "key-c approved", "key-e denied", "key-f denied")
	s.enrol(endorsed("g", "c", 10, outbox.Requested), outbox.Requested)
	s.enrol(endorsed("h", "c", 11, outbox.Requested), outbox.Requested)
	s.decide("key-g", outbox.Approved, outbox.ErrNotFound) // a later request took its place
	s.decide("key-h", outbox.Approved, nil)
	s.wantEnrolments("key-a replaced", "key-b replaced", "key-c replaced", "key-e denied", "key-f denied", "key-g replaced", "key-h approved")
}

func asksForKeys(t *testing.T, s *store) {
	ask := func(n int) error {
		return s.AskKeys(s.t.Context(), "web", audit.Entry{At: at(n), Kind: audit.AgentKeyAsked, Actor: "operator/x"})
	}
	s.invite("one")
	s.enrol(invited("a", "one", 1, outbox.Requested), outbox.Requested)
	rows := len(s.rows())
	if err := ask(2); !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("asked an agent without keys: %v", err)
	}
	equal(t, "audit rows of what changed nothing", len(s.rows())-rows, 0)
	s.decide("key-a", outbox.Approved, nil)
	for _, n := range []int{60, 61} {
		if err := ask(n); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "asked", s.wantEnrolments("key-a approved")[0].AskedAt, at(61))
	// The next keys were not asked to be replaced.
	s.enrol(endorsed("b", "a", 62, outbox.Approved), outbox.Approved)
	equal(t, "asked", s.wantEnrolments("key-a replaced", "key-b approved")[1].AskedAt, time.Time{})
}

func certificateTakesPlace(t *testing.T, s *store) {
	s.invite("one")
	request := invited("a", "one", 1, outbox.Requested)
	request.CSR = "request of a"
	s.enrol(request, outbox.Requested)
	equal(t, "request", s.wantEnrolments("key-a pending")[0].CSR, "request of a")
	err := s.Decide(t.Context(), "web", "key-a", outbox.Approved, "certificate of a", audit.Entry{At: at(50), Kind: audit.AgentKeyApproved, Actor: "operator/x"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "public", s.wantEnrolments("key-a approved")[0].Public, "certificate of a")
}
