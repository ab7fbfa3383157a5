package keys

import (
	"bytes"
	"errors"
	"testing"
)

// TestText reads what Text writes, for each kind of key, and finds the same key.
func TestText(t *testing.T) {
	texts := map[string][]byte{}
	for _, kind := range Kinds {
		private, public, err := Generate(kind)
		if err != nil {
			t.Fatal(err)
		}
		clear(private)
		texts[kind] = []byte(public)
	}
	for name := range kindOf {
		texts[name+" certificate"] = readKey(t, name+".crt")
		texts[name+" key"] = readKey(t, name+".spki.pem")
	}
	texts["age plugin"] = []byte("age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t\n")
	for name, data := range texts {
		t.Run(name, func(t *testing.T) {
			public := mustPublic(t, data)
			text, err := public.Text()
			if err != nil {
				t.Fatal(err)
			}
			again := mustPublic(t, text)
			if again.ID() != public.ID() || again.Fingerprint() != public.Fingerprint() || again.Kind() != public.Kind() {
				t.Errorf("%s, %s became %s, %s", public.Kind(), public.ID(), again.Kind(), again.ID())
			}
			if second, err := again.Text(); err != nil || !bytes.Equal(second, text) {
				t.Errorf("it is written in two ways: %v", err)
			}
		})
	}
}

func TestTextOfNoKey(t *testing.T) {
	if _, err := (&Public{Key: "no key"}).Text(); !errors.Is(err, ErrUnsupported) {
		t.Errorf("error is %v", err)
	}
}
