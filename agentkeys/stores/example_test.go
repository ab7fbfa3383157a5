package stores_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/directory"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// Example puts a certificate with its key into a folder, and lists what is there.
func Example() {
	dir, err := os.MkdirTemp("", "stores")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := directory.New(directory.Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	pair, err := keys.New("ec-p256", keys.NewOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	certificate, err := keys.SelfSigned(pair.Keys[0], "web", time.Now(), time.Now().Add(24*time.Hour))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for range 2 {
		outcome, err := store.Add(ctx, stores.Addition{Alias: "web.pem", Private: pair.Keys[0], Certificates: certificate})
		fmt.Println(outcome.Did, err)
	}
	for entry, err := range store.Inventory(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(entry.Alias, entry.Key.Kind(), entry.Private)
	}
	// Output:
	// added <nil>
	// unchanged <nil>
	// web.pem EC P-256 exportable
}
