package mailbox_test

import (
	"errors"
	"testing"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// FuzzID: an ID that is taken is the one that is given, and leads to a mailbox of
// the agent itself.
func FuzzID(f *testing.F) {
	for _, key := range []outbox.Key{{Destination: "mail", Secret: "prod/db"}, {Destination: "post", Secret: "a b/c"}, {Destination: "folder", Secret: "prod/db"}, {Secret: "a"}, {Destination: "mail"}} {
		f.Add(mailbox.IDForTest(key))
	}
	f.Add("")
	f.Add("bWFpbABwcm9kL2Ri=")
	f.Add("bWFpbABwcm9kL2Rj\n")
	agent := &mailbox.Agent{Name: "web", Mailboxes: []string{"mail", "post"}}
	f.Fuzz(func(t *testing.T, id string) {
		key, err := agent.KeyForTest(id)
		if err != nil {
			if !errors.Is(err, mailbox.ErrNoEntry) || key != (outbox.Key{}) {
				t.Fatalf("%q is %v, %v", id, key, err)
			}
			return
		}
		if mailbox.IDForTest(key) != id || key.Agent != "web" || key.Destination != "mail" && key.Destination != "post" || hooks.CheckName(key.Secret) != nil {
			t.Fatalf("%q is %v", id, key)
		}
	})
}
