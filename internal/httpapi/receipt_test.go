package httpapi_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// FuzzReadReceipt: what is read is what is written, and nothing else is.
func FuzzReadReceipt(f *testing.F) {
	for _, body := range []string{
		`{"receipt":"a.b.c"}`, ` {"receipt" : "a\u002eb"} `, `{"RECEIPT":"a"}`,
		``, `{}`, `null`, `"a"`, `[]`, `{"receipt":""}`, `{"receipt":1}`, `{"receipt":"a","other":1}`, `{"receipt":"a"} {}`, `{"receipt":"a"}x`, `{"receipt":"a"`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		token, err := httpapi.ReadReceipt(body)
		if err != nil {
			if !errors.Is(err, hooks.ErrMalformed) || token != "" {
				t.Fatalf("%q is read as %q, %v", body, token, err)
			}
			return
		}
		written, err := json.Marshal(wire.Receipt{Receipt: token})
		if err != nil {
			t.Fatal(err)
		}
		if again, err := httpapi.ReadReceipt(written); err != nil || again != token || token == "" {
			t.Fatalf("%q is read as %q, written as %q, and read as %q, %v", body, token, written, again, err)
		}
		var whole map[string]any
		if err := json.Unmarshal(body, &whole); err != nil || len(whole) == 0 {
			t.Fatalf("%q is read as %q, and is no JSON: %v", body, token, err)
		}
	})
}

func TestReadReceiptRefuses(t *testing.T) {
	for _, body := range []string{``, `{}`, `null`, `"a"`, `[]`, `{"receipt":""}`, `{"receipt":1}`, `{"receipt":"a","other":1}`, `{"receipt":"a"} {}`, `{"receipt":"a"}x`, `{"receipt":"a"`} {
		if token, err := httpapi.ReadReceipt([]byte(body)); !errors.Is(err, hooks.ErrMalformed) || token != "" {
			t.Errorf("%s is read as %q, %v", body, token, err)
		}
	}
}
