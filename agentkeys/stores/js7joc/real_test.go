package js7joc_test

import (
	"errors"
	"os"
	"testing"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	storejoc "github.com/sealrelay/sealrelay/agentkeys/stores/js7joc"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/internal/js7joc"
)

// TestRealCockpit adds, renews and removes a certificate at a real JOC Cockpit that the
// environment names. The Job Resource /sealrelay-test/sealrelay-test stays there.
func TestRealCockpit(t *testing.T) {
	url := os.Getenv("JS7_TEST_URL")
	if url == "" {
		t.Skip("no JOC Cockpit: set JS7_TEST_URL, JS7_TEST_USER, JS7_TEST_PASSWORD_FILE, and JS7_TEST_CA_FILE if need be")
	}
	store, err := storejoc.New(storejoc.Config{
		Access: js7joc.Access{URL: url, User: os.Getenv("JS7_TEST_USER"), PasswordFile: os.Getenv("JS7_TEST_PASSWORD_FILE"), CAFile: os.Getenv("JS7_TEST_CA_FILE")},
		Folder: "/sealrelay-test", Comment: "test",
	}, func(path string) string { return path })
	if err != nil {
		t.Fatal(err)
	}
	lifeInAStore(t, store)
}

// The same steps at the stand-in.
func TestStandInCockpit(t *testing.T) {
	lifeInAStore(t, newSite(t).open(t, nil))
}

func lifeInAStore(t *testing.T, store *storejoc.Store) {
	t.Helper()
	const alias = "sealrelay-test"
	for range 2 {
		addition := certificate(t, alias)
		addition.Alias, addition.Overwrite = alias, true
		if _, err := store.Add(t.Context(), addition); err != nil {
			t.Fatal(err)
		}
		if outcome, err := store.Add(t.Context(), addition); err != nil || outcome.Did != stores.DidNothing {
			t.Errorf("added again: %+v, %v", outcome, err)
		}
		if entry := storetest.All(t, store)[alias]; entry.Problem != nil || entry.Key == nil {
			t.Errorf("it is %+v", entry)
		}
	}
	if _, err := store.Remove(t.Context(), stores.Removal{Alias: alias}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Lookup(t.Context(), alias); !errors.Is(err, stores.ErrNotFound) {
		t.Errorf("removed, it is %v", err)
	}
}
