package app

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestEscrowKeyMustBeAges(t *testing.T) {
	dir := folder(t)
	for file, want := range map[string]string{
		"web.pub":     "",
		"old.crt":     "escrow",
		"service.pub": "escrow",
		"missing.pub": "escrow",
	} {
		_, err := Build(parse(t, "escrow: {file: "+file+"}\n"+base, dir))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", file, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: error %v, want one with %q", file, err, want)
		}
	}
}

func TestResealerNeedsEscrow(t *testing.T) {
	dir := folder(t)
	if _, err := Resealer(t.Context(), parse(t, base, dir), nil, zerolog.Nop()); err == nil || !strings.Contains(err.Error(), "no escrow key") {
		t.Errorf("error %v", err)
	}
}
