package openpgp

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// The examples of RFC 9580: the secret key of section A.4, the message of
// section A.8, which is for it.
const (
	rfcSecretKey = `-----BEGIN PGP PRIVATE KEY BLOCK-----

xUsGY4d/4xsAAAAg+U2nu0jWCmHlZ3BqZYfQMxmZu52JGggkLq2EVD34laMAGXKB
exK+cH6NX1hs5hNhIB00TrJmosgv3mg1ditlsLfCsQYfGwoAAABCBYJjh3/jAwsJ
BwUVCg4IDAIWAAKbAwIeCSIhBssYbE8GCaaX5NUt+mxyKwwfHifBilZwj2Ul7Ce6
2azJBScJAgcCAAAAAK0oIBA+LX0ifsDm185Ecds2v8lwgyU2kCcUmKfvBXbAf6rh
RYWzuQOwEn7E/aLwIwRaLsdry0+VcallHhSu4RN6HWaEQsiPlR4zxP/TP7mhfVEe
7XWPxtnMUMtf15OyA51YBMdLBmOHf+MZAAAAIIaTJINn+eUBXbki+PSAld2nhJh/
LVmFsS+60WyvXkQ1AE1gCk95TUR3XFeibg/u/tVY6a//1q0NWC1X+yui3O24wpsG
GBsKAAAALAWCY4d/4wKbDCIhBssYbE8GCaaX5NUt+mxyKwwfHifBilZwj2Ul7Ce6
2azJAAAAAAQBIKbpGG2dWTX8j+VjFM21J0hqWlEg+bdiojWnKfA5AQpWUWtnNwDE
M0g12vYxoWM8Y81W+bHBw805I8kWVkXU6vFOi+HWvv/ira7ofJu16NnoUkhclkUr
k0mXubZvyl4GBg==
-----END PGP PRIVATE KEY BLOCK-----
`
	rfcMessage = `-----BEGIN PGP MESSAGE-----

wV0GIQYSyD8ecG9jCP4VGkF3Q6HwM3kOk+mXhIjR2zeNqZMIhRmHzxjV8bU/gXzO
WgBM85PMiVi93AZfJfhK9QmxfdNnZBjeo1VDeVZheQHgaVf7yopqR6W1FT6NOrfS
aQIHAgZhZBZTW+CwcW1g4FKlbExAf56zaw76/prQoN+bAzxpohup69LA7JW/Vp0l
yZnuSj3hcFj0DfqLTGgr4/u717J+sPWbtQBfgMfG9AOIwwrUBqsFE9zW+f1zdlYo
bhF30A+IitsxxA==
-----END PGP MESSAGE-----
`
)

func TestRFC9580(t *testing.T) {
	key, err := keys.ParsePrivate([]byte(rfcSecretKey), nil)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := Format.Identity(key)
	if err != nil {
		t.Fatal(err)
	}
	wantOpen(t, identity, []byte(rfcMessage), "Hello, world!")
	public, err := keys.PublicOf(key)
	if err != nil {
		t.Fatal(err)
	}
	recipient, err := Format.Recipient(public)
	if err != nil {
		t.Fatal(err)
	}
	wantOpen(t, identity, sealed(t, "value", recipient), "value")
}

// TestPostQuantumSamples opens the examples of draft-ietf-openpgp-pqc.
func TestPostQuantumSamples(t *testing.T) {
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", "v4-eddsa-sample-"+name+".asc"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	key, err := keys.ParsePrivate(read("sk"), nil)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := Format.Identity(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"message-v1", "message-v2"} {
		wantOpen(t, identity, read(name), "Testing\n")
	}
}

// TestChecksum is that of RFC 9580, section 6.1.1, over its initial value and a
// text that is known from the catalogue of CRCs (CRC-24/OPENPGP).
func TestChecksum(t *testing.T) {
	for text, want := range map[string]string{"": "twTO", "123456789": "Ic8C"} {
		if got := b64(crc24([]byte(text))); got != want {
			t.Errorf("of %q it is %s, want %s", text, got, want)
		}
	}
}
