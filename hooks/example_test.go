package hooks_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// A receiver verifies the raw request first and reads the Event out of it then.
func Example() {
	verifier, err := verify.NewBearer(verify.Bearer{
		Tokens: []*hooks.Value{secretbytes.Copy([]byte("a-token-of-enough-length"))},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	request := &hooks.Request{
		Method: http.MethodPost,
		Header: http.Header{
			"Authorization": {"Bearer a-token-of-enough-length"},
			"Content-Type":  {"application/json"},
		},
		Body:     []byte(`{"secret":"prod/db","operation":"set","value":"tiger"}`),
		Received: time.Now(),
	}
	defer clear(request.Body)

	verified, err := verifier.Verify(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	message, err := adapters.Push{}.Read(request, verified)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer message.Wipe()
	event := message.Events[0]
	if err := hooks.CheckName(event.Secret); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %s to %v\n", event.Operation, event.Secret, event.Value)
	// Output: set prod/db to [redacted]
}
