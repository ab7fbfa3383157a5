package js7joc_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/deliver"
	client "github.com/sealrelay/sealrelay/internal/js7joc"
	"github.com/sealrelay/sealrelay/internal/js7joc/expression"
	"github.com/sealrelay/sealrelay/internal/js7joc/joctest"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// settled is after how long both look once more.
const settled = time.Second

// edit is one of an operator.
type edit struct {
	at, argument string
	done         time.Time
}

// TestFleet rotates 200 secrets over 20 Job Resources, while an operator edits other
// arguments of the same ones over the API and the JOC Cockpit is restarted. In the
// end every argument has its newest value, and every edit is there. The operator
// reads again right before storing, looks afterwards, and once more when the edit has
// settled, as the destination does: what two write at the same moment one of them has
// to write again.
func TestFleet(t *testing.T) {
	const resources, secrets, versions = 20, 10, 3
	s := newSite(t)
	fleet := make([]deliver.Destination, resources)
	for i := range fleet {
		at := fmt.Sprintf("/sealrelay/agent%d", i)
		s.Put(at, `{"TYPE":"JobResource","arguments":{}}`)
		d, err := s.open("url: " + s.URL + "\n" + strings.Replace(account, "settle: 1ms", "settle: "+settled.String(), 1) + "controllers: [c1, c2]\njob_resource: " + at + "\n")
		if err != nil {
			t.Fatal(err)
		}
		fleet[i] = d
	}
	var attempts, again, restarts atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	var stores atomic.Int64
	s.Set(func(k *joctest.Knobs) {
		k.BeforeStore = func() {
			if stores.Add(1)%30 == 0 { // in the middle of somebody's work
				s.EndSessions()
				others.Go(s.CloseClientConnections)
				restarts.Add(1)
			}
		}
	})
	edits, overwritten := 0, int64(0)
	others.Go(func() {
		operator := operatorOf(t, s)
		var fresh []edit
		for ctx.Err() == nil || len(fresh) > 0 {
			if len(fresh) > 0 && (ctx.Err() != nil || time.Since(fresh[0].done) > settled) {
				first := fresh[0]
				fresh = fresh[1:]
				if n := operator.lookAgain(t, first); n > 0 {
					overwritten += n
					fresh = append(fresh, edit{first.at, first.argument, time.Now()})
				}
				continue
			}
			at, argument := fmt.Sprintf("/sealrelay/agent%d", edits%resources), fmt.Sprintf("edit%d", edits)
			again.Add(operator.edit(t, at, argument))
			fresh = append(fresh, edit{at, argument, time.Now()})
			edits++
		}
	})
	var group sync.WaitGroup
	for i := range resources * secrets {
		group.Go(func() {
			for version := range int64(versions) {
				d := sealed(t, fmt.Sprint("prod/s", i), version+1, fmt.Sprintf("enc:A B %d.%d", i, version+1))
				attempts.Add(untilDelivered(t, fleet[i%resources], d))
			}
		})
	}
	group.Wait()
	cancel()
	others.Wait()
	for _, controller := range []string{"c1", "c2"} {
		for i := range resources * secrets {
			arguments := s.Arguments(fmt.Sprintf("/sealrelay/agent%d", i%resources), controller)
			if got, _ := expression.Unquote(arguments[encoded(fmt.Sprint("prod/s", i))]); got != fmt.Sprintf("enc:A B %d.%d", i, versions) {
				t.Errorf("secret %d at %s is %q", i, controller, got)
			}
		}
	}
	for i := range edits {
		if _, is := s.Arguments(fmt.Sprintf("/sealrelay/agent%d", i%resources), "c1")[fmt.Sprintf("edit%d", i)]; !is {
			t.Errorf("edit %d is lost", i)
		}
	}
	t.Logf("%d versions of %d secrets in %d Job Resources: %d attempts, %d stores; %d edits of an operator, %d made again at once and %d when they had settled; %d restarts",
		versions, resources*secrets, resources, attempts.Load(), s.Calls("inventory/store"), edits, again.Load(), overwritten, restarts.Load())
	if edits == 0 || restarts.Load() == 0 {
		t.Error("nobody edited, or nothing was restarted")
	}
}

// untilDelivered does what the dispatcher does, without its pauses.
func untilDelivered(t *testing.T, to deliver.Destination, d outbox.Delivery) (attempts int64) {
	for attempts = 1; ; attempts++ {
		_, err := to.Deliver(t.Context(), d)
		if err == nil || t.Context().Err() != nil {
			return attempts
		}
		if attempts == 1000 {
			t.Errorf("version %d of %s: %v", d.Version, d.Secret, err)
			return attempts
		}
	}
}

// operator is somebody else who works on the JOC Cockpit.
type operator struct{ *client.Client }

func operatorOf(t *testing.T, s *site) operator {
	base, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return operator{&client.Client{Base: base, HTTP: s.Client(), User: "relay", Password: func() (*secretbytes.Value, error) {
		return secretbytes.New([]byte(canary)), nil
	}}}
}

// edit adds an argument and deploys it, and returns how often it had to be done
// again.
func (o operator) edit(t *testing.T, at, argument string) (again int64) {
	for ; ; again++ {
		there, err := o.tryEdit(t.Context(), at, argument)
		if err == nil && there {
			return again
		}
		if again == 1000 {
			t.Errorf("%s cannot be edited: %v", at, err)
			return again
		}
	}
}

// lookAgain makes an edit again that was overwritten, and returns how often.
func (o operator) lookAgain(t *testing.T, e edit) int64 {
	for range 1000 {
		there, err := o.has(t.Context(), e)
		switch {
		case err != nil: // a restart
		case there:
			return 0
		default:
			return 1 + o.edit(t, e.at, e.argument)
		}
	}
	t.Errorf("%s cannot be read", e.at)
	return 0
}

func (o operator) has(ctx context.Context, e edit) (bool, error) {
	session, err := o.Login(ctx)
	if err != nil {
		return false, err
	}
	defer session.Logout(ctx)
	found, err := session.Read(ctx, e.at, "")
	if err != nil {
		return false, err
	}
	_, there := found.Configuration.Arguments[e.argument]
	return there, nil
}

func (o operator) tryEdit(ctx context.Context, at, argument string) (bool, error) {
	session, err := o.Login(ctx)
	if err != nil {
		return false, err
	}
	defer session.Logout(ctx)
	found, err := session.Read(ctx, at, "")
	if err != nil {
		return false, err
	}
	edited := found.Configuration.Clone()
	again, err := session.Read(ctx, at, "")
	if err != nil || !again.Configuration.Equal(found.Configuration) {
		return false, err
	}
	edited.Arguments[argument] = `"theirs"`
	if err := session.Store(ctx, at, edited, ""); err != nil {
		return false, err
	}
	if err := session.Deploy(ctx, at, []string{"c1", "c2"}, ""); err != nil {
		return false, err
	}
	for range 10 {
		if found, err = session.Read(ctx, at, "c1"); err != nil {
			return false, err
		}
	}
	_, there := found.Configuration.Arguments[argument]
	return there && found.InSync(), nil
}
