package kinds

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// FuzzSettings: what is taken over the network is taken again as it is written, and the
// same.
func FuzzSettings(f *testing.F) {
	names := slices.Sorted(maps.Keys(all))
	for _, text := range []string{
		`{"store":"s"}`, `{"store":"s","alias":"a","purge":true}`, `{"store":"s","alias":"a","subject":"CN=a","names":["b"],"renew_before":1}`,
		`{"azure-key-vault":{}}`, `{"targets":["a","192.0.2.0/30"],"ports":[1]}`, `{"targets":["a"],"known_hosts":"/k"}`, `{"files":{"folders":["/a"],"depth":0}}`, `{"store":"s","alias":"a","file":"/f"}`, `{}`,
		`{"command":"c","parameters":{"a":1,"b":"x","c":true}}`, `{"command":"c","parameters":{"a":1e9,"b":null}}`,
		`{"directory":"/d","store":"s"}`, `{"roots":"https://a","trust":"/t","store":"s","alias_prefix":"x."}`, `{"STORE":"s"} x`,
	} {
		for i := range names {
			f.Add(uint8(i), text)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		kind := all[names[int(which)%len(names)]]
		if strings.Contains(text, "/") && strings.Contains(text, "targets") {
			return // Ranges are package sweep's; they are slow to go through.
		}
		read, err := kind.read(json.RawMessage(text))
		if err != nil {
			return
		}
		once, err := json.Marshal(read)
		if err != nil {
			t.Fatal(err)
		}
		again, err := kind.read(once)
		if err != nil {
			t.Fatalf("%s is not read again: %v", once, err)
		}
		if twice, err := json.Marshal(again); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%s is read as %s, %v", once, twice, err)
		}
	})
}

// FuzzRoots: an answer is read whole or not at all.
func FuzzRoots(f *testing.F) {
	pair, err := keys.New("ec-p256", keys.NewOptions{})
	if err != nil {
		f.Fatal(err)
	}
	own, err := keys.SelfSigned(pair.Keys[0], "root", time.Now(), time.Now().Add(time.Hour))
	if err != nil {
		f.Fatal(err)
	}
	certificate := string(own)
	answer, err := json.Marshal(map[string][]string{"crts": {certificate, certificate}})
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{certificate, certificate[:100], string(answer), `{"crts":["x"]}`, `{"crts":[]}`, `{"crts":1}`, "<html>", "", "-----BEGIN CERTIFICATE-----\n", ` {"crts":["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := parseRoots(data)
		if (err == nil) != (len(found) > 0) {
			t.Errorf("%d, %v", len(found), err)
		}
		for _, public := range found {
			if public == nil || len(public.CertificateDER) == 0 {
				t.Errorf("%+v is no certificate", public)
			}
		}
	})
}
