package pin_test

import (
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/internal/pin"
)

// abc is the fingerprint of the message "abc" (FIPS 180-4, example).
const abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

func TestPin(t *testing.T) {
	for _, text := range []string{abc, "sha256:" + strings.ToUpper(abc[len("sha256:"):])} {
		p, err := pin.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Matches([]byte("abc")) || p.Matches([]byte("abd")) || p.Matches(nil) {
			t.Errorf("%s does not match abc alone", text)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", "sha256:", abc[:len(abc)-1], abc + "0", abc[len("sha256:"):], "sha1:" + abc[len("sha256:"):], "sha256:" + strings.Repeat("x", 64), " " + abc,
	} {
		if _, err := pin.Parse(text); err == nil {
			t.Errorf("%q is a pin", text)
		}
	}
}
