package adapters_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
)

// BenchmarkReadNotice is what an adapter without values takes for a body of
// 1 KiB, beside what the standard library takes to find the same body valid, or
// to parse it where it is a form.
func BenchmarkReadNotice(b *testing.B) {
	for _, s := range noticeSamples {
		adapter, err := adapters.Table[s.adapter](settings(s.config))
		if err != nil {
			b.Fatal(err)
		}
		r := request(strings.Replace(s.body, "PAD", strings.Repeat("x", 1024-len(s.body)), 1))
		b.Run(s.adapter, func(b *testing.B) {
			b.SetBytes(int64(len(r.Body)))
			for b.Loop() {
				if message, err := adapter.Read(r, hooks.Verified{}); err != nil || len(message.Events) != 1 {
					b.Fatal(err)
				}
			}
		})
		valid := json.Valid
		if s.adapter == "psono" {
			valid = func(body []byte) bool { _, err := url.ParseQuery(string(body)); return err == nil }
		}
		b.Run(s.adapter+"/bare", func(b *testing.B) {
			b.SetBytes(int64(len(r.Body)))
			for b.Loop() {
				if !valid(r.Body) {
					b.Fatal("the sample is neither JSON nor a form")
				}
			}
		})
	}
}
