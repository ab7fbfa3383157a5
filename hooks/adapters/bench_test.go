package adapters_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
)

// sample is an adapter with a request that it accepts.
type sample struct {
	adapter string
	// config has the adapter's settings.
	config string
	// target is the part of the URL behind the path, if any.
	target string
	// media is the Content-Type; application/json if empty.
	media  string
	header http.Header
	// body is the request's body; PAD in it stands for what makes it 1 KiB.
	body string
}

// samples has each adapter of JSON once or more.
var samples = []sample{
	{adapter: "json", config: "{secret: /name, value: /value, event_id: /id}", body: `{"id":"1","name":"prod/db","value":"tiger","more":{"text":"PAD"}}`},
	{adapter: "push", config: "{}", body: `{"secret":"prod/db","operation":"set","value":"PAD"}`},
	{
		adapter: "eso-push", config: "{}", target: "?secret=prod%2Fdb",
		body: `{"source":"eso","key":"prod/db","value":"PAD","delivery_id":"d7a0","ts":1767225600}`,
	},
	{adapter: "aws-secrets-manager", config: "{}", body: strings.Replace(awsUpdated, "012345678901", "PAD", 1)},
	{adapter: "azure-event-grid", config: "{}", body: "[" + strings.Replace(gridCreated, "1559081980", "PAD", 1) + "]"},
	{
		adapter: "cloudevents", config: "{value: /value, delete_types: [com.example.secret.removed]}", media: ceStructured,
		body: ceEvent(`"subject":"prod/db","data":{"value":"tiger","more":"PAD"}`),
	},
	{adapter: "gcp-pubsub", config: "{}", body: gcpPush(gcpAdded + `,"more":"PAD"`).body},
}

func (s sample) isJSON() bool { return s.media == "" || strings.HasSuffix(s.media, "+json") }

func (s sample) new(t testing.TB) hooks.Adapter {
	t.Helper()
	adapter, err := adapters.Table[s.adapter](settings(s.config))
	if err != nil {
		t.Fatal(err)
	}
	return adapter
}

// request has the sample's body, or another instead.
func (s sample) request(t testing.TB, body string) *hooks.Request {
	t.Helper()
	at, err := url.Parse("https://relay.example.com/v1/hooks/source" + s.target)
	if err != nil {
		t.Fatal(err)
	}
	header := s.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	media := s.media
	if media == "" {
		media = "application/json"
	}
	header.Set("Content-Type", media)
	return &hooks.Request{Method: http.MethodPost, URL: at, Header: header, Body: []byte(body)}
}

// padded is the sample's body with 1 KiB.
func (s sample) padded() string {
	return strings.Replace(s.body, "PAD", strings.Repeat("x", max(0, 1024-len(s.body)+len("PAD"))), 1)
}

// BenchmarkRead is what an adapter takes for a body of 1 KiB, beside what the
// standard library takes to find the same body valid.
func BenchmarkRead(b *testing.B) {
	for _, s := range samples {
		r := s.request(b, s.padded())
		benchRead(b, s.adapter, s.new(b), r, func() bool { return json.Valid(r.Body) })
	}
	benchSETPush(b)
}

func benchRead(b *testing.B, name string, adapter hooks.Adapter, r *hooks.Request, bare func() bool) {
	b.Run(name, func(b *testing.B) {
		b.SetBytes(int64(len(r.Body)))
		b.ReportAllocs()
		for b.Loop() {
			message, err := adapter.Read(r, hooks.Verified{})
			if err != nil || len(message.Events) == 0 {
				b.Fatal(err)
			}
			message.Wipe()
		}
	})
	b.Run(name+"/bare", func(b *testing.B) {
		b.SetBytes(int64(len(r.Body)))
		for b.Loop() {
			if !bare() {
				b.Fatal("the sample is not valid")
			}
		}
	})
}
