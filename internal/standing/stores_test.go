package standing_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// TestShowEntry: the state of an entry is what somebody has to know first of it.
func TestShowEntry(t *testing.T) {
	public, err := keys.ParsePublic(storetest.NewPair(t, "ec-p256", "web").Certificates)
	if err != nil {
		t.Fatal(err)
	}
	incomplete := fmt.Errorf("its chain is not known: %w", stores.ErrDenied)
	for want, entry := range map[string]stores.Entry{
		"ok":                     {Key: public},
		"disabled":               {Key: public, Disabled: true, Incomplete: incomplete},
		"a request is under way": {Pending: true},
		"cannot be read":         {Problem: stores.ErrUnreadable},
		"its chain is not known: permission denied": {Key: public, Incomplete: incomplete},
	} {
		if got := standing.ShowEntry(entry, time.Now()).State(); got != want {
			t.Errorf("the state is %q, not %q", got, want)
		}
	}
	if got := standing.ShowEntry(stores.Entry{Key: public}, public.NotAfter.Add(time.Second)); got.State() != "expired" || len(got.Chain) != 1 {
		t.Errorf("it is %+v", got)
	}
}
