package verify_test

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
)

// A sender signs a request; the receiver, which shares the secret, verifies it.
func Example() {
	secret := verify.NewSecret()
	defer secret.Wipe()
	text, err := secret.Text()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer text.Wipe()

	now := time.Unix(1767225600, 0)
	body := []byte(`{"secret":"prod/db","value":"correct horse"}`)
	signature, err := verify.SignV1(secret, "msg_1", now, body)
	if err != nil {
		fmt.Println(err)
		return
	}
	request := &hooks.Request{Header: http.Header{}, Body: body, Received: now.Add(time.Second)}
	request.Header.Set(verify.IDHeader, "msg_1")
	request.Header.Set(verify.TimestampHeader, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(verify.SignatureHeader, signature)

	verifier, err := verify.NewStandardWebhooks(verify.StandardWebhooks{Secrets: []*hooks.Value{text}})
	if err != nil {
		fmt.Println(err)
		return
	}
	verified, err := verifier.Verify(request)
	fmt.Println(verified.EventID, err)

	request.Body[0] ^= 1
	_, err = verifier.Verify(request)
	fmt.Println(err)
	// Output:
	// msg_1 <nil>
	// not authenticated: no signature matches: check the secret
}
