package mailbox_test

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/mailbox"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func TestDeliverLeavesItToTheAgent(t *testing.T) {
	agent := deliver.Agent{Name: "web", SigningKeys: []ed25519.PublicKey{make([]byte, ed25519.PublicKeySize)}}
	d, err := mailbox.New(deliver.Settings{Agent: agent, Decode: func(any) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if receipt, err := d.Deliver(t.Context(), outbox.Delivery{}); receipt != "" || !errors.Is(err, deliver.ErrWaiting) {
		t.Errorf("got %q, %v, want ErrWaiting", receipt, err)
	}
}

func TestNewNeedsSigningKeys(t *testing.T) {
	_, err := mailbox.New(deliver.Settings{Decode: func(any) error { return nil }})
	if err == nil || !strings.Contains(err.Error(), "signing_key_files") {
		t.Errorf("error is %v", err)
	}
}
