package scripts_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/sealrelay/sealrelay/hooks/scripts"
)

// A script reads what its product gives, and its naming says which secret it is.
func Example() {
	product := scripts.Table["netwrix"]
	script, err := product.New(nil) // It has no settings.
	if err != nil {
		fmt.Println(err)
		return
	}
	naming, err := product.Naming("prod/", "{host}/{username}")
	if err != nil {
		fmt.Println(err)
		return
	}
	input := &scripts.Input{Stdin: strings.NewReader(`{"host":"db1","username":"orders","value":"tiger"}`)}
	events, err := scripts.Events(context.Background(), script, input, naming)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, event := range events {
		fmt.Printf("%s %s to %v\n", event.Operation, event.Secret, event.Value)
		event.Value.Wipe()
	}
	// Output: set prod/db1/orders to [redacted]
}
