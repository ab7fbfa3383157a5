package azurekeyvault

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// FuzzChainIn: whatever a vault answers, there is a chain behind the leaf, or an error.
func FuzzChainIn(f *testing.F) {
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("../../../crypto/keys/testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	seed := func(content, value string) []byte {
		data, err := json.Marshal(map[string]string{"value": value, "contentType": content})
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	text := read("rsa.crt.pem")
	block, _ := pem.Decode(text)
	if block == nil {
		f.Fatal("there is no PEM")
	}
	f.Add(seed(contentPEM, string(read("rsa.pem"))+string(text)+string(text)))
	for _, name := range []string{"empty-password.p12", "nomac.p12", "modern.p12", "trusted.p12"} {
		f.Add(seed(contentPKCS12, base64.StdEncoding.EncodeToString(read(name))))
	}
	f.Add([]byte(`{"value":"-----BEGIN CERTIFICATE----------END CERTIFICATE-----","contentType":"application/x-pem-file"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, document []byte) {
		chain, err := chainIn(document, block.Bytes)
		if err != nil && chain != nil {
			t.Errorf("%d beside %v", len(chain), err)
		}
	})
}
