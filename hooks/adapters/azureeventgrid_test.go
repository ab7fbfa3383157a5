package adapters_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/hooks"
)

func gridSample(body string) sample {
	return sample{adapter: "azure-event-grid", config: "{}", body: body}
}

const (
	// gridCreated is the vendor's sample, with its stray spaces.
	gridCreated = `{"id":"00eccf70","topic":"/subscriptions/S/resourceGroups/G/providers/Microsoft.KeyVault/vaults/kv1","subject":"other",` +
		`"eventType":"Microsoft.KeyVault.SecretNewVersionCreated","eventTime":"2026-02-06T01:08:33.1036736Z","data":{` +
		`"Id":"https://kv1.vault.azure.net/secrets/db-pass/ee059b2bb5bc48398a53b168c6cdcb10","VaultName":"kv1","ObjectType":"Secret",` +
		`"ObjectName ":"db-pass","Version":" ee059b2bb5bc48398a53b168c6cdcb10","NBF":"1559081980","EXP":"1559082102"},"dataVersion":"1","metadataVersion":"1"}`
	gridCloudEvent = `{"specversion":"1.0","id":"00eccf71","source":"/subscriptions/S/resourceGroups/G/providers/Microsoft.KeyVault/vaults/kv1","subject":"db-pass",` +
		`"type":"Microsoft.KeyVault.SecretNewVersionCreated","time":"2026-02-06T01:08:34Z","data":{"Id":"https://kv1.vault.azure.net/secrets/db-pass/ee05","ObjectName":"db-pass"}}`
	gridValidation = `{"id":"2d1781af","topic":"/subscriptions/S","subject":"","data":{"validationCode":"512d38b6-c7b8","validationUrl":"https://rp.eventgrid.azure.net:553/validate?id=1"},` +
		`"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","eventTime":"2026-01-25T22:12:19.4556811Z","metadataVersion":"1","dataVersion":"1"}`
)

func TestAzureEventGrid(t *testing.T) {
	with := func(old, replacement string) sample {
		return gridSample("[" + strings.Replace(gridCreated, old, replacement, 1) + "]")
	}
	first := view{"00eccf70", "db-pass", "changed", "", nil, "2026-02-06T01:08:33.103Z"}
	second := view{"00eccf71", "db-pass", "changed", "", nil, "2026-02-06T01:08:34Z"}
	structured := gridSample(gridCloudEvent)
	structured.media = "application/cloudevents+json; charset=utf-8"
	batched := gridSample("[" + gridCloudEvent + "]")
	batched.media = "application/cloudevents-batch+json; charset=utf-8"
	prefixed := gridSample("[" + gridCreated + "]")
	prefixed.config = "secret_prefix: prod/"
	testTold(t, []toldTest{
		{name: "a version", sample: gridSample("[" + gridCreated + "]"), want: []view{first}},
		{name: "a CloudEvent", sample: structured, want: []view{second}},
		{name: "an array of one", sample: batched, want: []view{second}},
		{name: "several", sample: gridSample("[" + gridCreated + "," + strings.Replace(gridCreated, "SecretNew", "KeyNew", 1) + "," + gridCloudEvent + "]"), want: []view{first, second}},
		{name: "the same twice", sample: gridSample("[" + gridCreated + "," + gridCreated + "]"), want: []view{first}},
		{name: "with a prefix", sample: prefixed, want: []view{{"00eccf70", "prod/db-pass", "changed", "", nil, "2026-02-06T01:08:33.103Z"}}},
		{name: "capital letters and spaces", sample: with(`"eventType":"Microsoft.KeyVault.SecretNewVersionCreated"`, `" EVENTTYPE":" microsoft.keyvault.secretnewversioncreated "`), want: []view{first}},
		{name: "space around the name", sample: with(`"ObjectName ":"db-pass"`, `"objectname":" db-pass "`), want: []view{first}},
		{name: "the name as subject alone", sample: with(`"ObjectName "`, `"other"`), want: []view{{"00eccf70", "other", "changed", "", nil, "2026-02-06T01:08:33.103Z"}}},
		{name: "near its end", sample: with("SecretNewVersionCreated", "SecretNearExpiry")},
		{name: "a certificate", sample: with("SecretNew", "CertificateNew")},
		{name: "another service", sample: gridSample(`[{"id":"1","eventType":"Microsoft.Storage.BlobCreated","eventTime":"2026-01-01T00:00:00Z","data":{}}]`)},
		{name: "none", sample: gridSample(`[]`)},

		{name: "no type", sample: gridSample(`[{"id":"hunter2"}]`), refused: "the event's type is missing, not a string"},
		{name: "number as type", sample: with(`"Microsoft.KeyVault.SecretNewVersionCreated"`, "17"), refused: "the event's type is a number, not a string"},
		{name: "type twice", sample: with(`"subject"`, `"EventType"`), refused: "an event has eventtype twice, but for capital letters and space"},
		{name: "name twice", sample: with(`"VaultName"`, `"OBJECTNAME"`), refused: "an event has objectname twice, but for capital letters and space"},
		{name: "number as name", sample: with(`"ObjectName ":"db-pass"`, `"ObjectName ":17`), refused: "ObjectName is a number, not a string"},
		{name: "empty name", sample: with(`"ObjectName ":"db-pass"`, `"ObjectName ":" "`), refused: "ObjectName has 0 bytes; a secret's name has 1 to 255"},
		{name: "no ID", sample: with(`"id"`, `"hunter"`), refused: "id is missing, not a string"},
		{name: "bad ID", sample: with("00eccf70", "hunter 2"), refused: "id is not 1 to 256 printable ASCII characters without space"},
		{name: "no time", sample: with("eventTime", "hunter"), refused: "eventTime is missing, not a string"},
		{name: "bad time", sample: with("2026-02-06T", "hunter"), refused: "eventTime is not a time such as 2006-01-02T15:04:05Z (RFC 3339)"},
		{name: "a bad one among good", sample: gridSample("[" + gridCreated + `,{"eventType":17}]`), refused: "the event's type is a number, not a string"},
		{name: "validation among others", sample: gridSample("[" + gridValidation + "," + gridCreated + "]"), refused: "the validation of a subscription is among other events; it has to come alone"},
		{name: "validation without a code", sample: gridSample("[" + strings.Replace(gridValidation, "validationCode", "hunter", 1) + "]"), refused: "validationCode is missing, not a string"},
		{name: "a string", sample: gridSample(`"hunter2"`), refused: "the body is a string, neither a JSON object nor an array of them"},
		{name: "array in array", sample: gridSample("[[" + gridCreated + "]]"), refused: "an element of the body's array is an array, not an object"},
	})
}

func TestAzureEventGridMany(t *testing.T) {
	const small = `{"id":"id-%d","eventType":"Microsoft.KeyVault.SecretNewVersionCreated","eventTime":"2026-02-06T01:08:33Z","data":{"ObjectName":"a"}}`
	events := make([]string, hooks.MaxEvents)
	for i := range events {
		events[i] = fmt.Sprintf(small, i)
	}
	s := gridSample("")
	message, err := s.new(t).Read(s.request(t, "["+strings.Join(events, ",")+"]"), hooks.Verified{})
	if err != nil || len(message.Events) != hooks.MaxEvents || message.Events[4999].ID != "id-4999" {
		t.Errorf("%d events, error is %v", len(message.Events), err)
	}
	message, err = s.new(t).Read(s.request(t, "["+strings.Join(append(events, events[0]), ",")+"]"), hooks.Verified{})
	if err == nil || err.Error() != "malformed request: the body has more than 5000 events; send fewer at once" || len(message.Events) > 0 {
		t.Errorf("error is %v", err)
	}
}

func TestAzureEventGridValidates(t *testing.T) {
	s := gridSample("[" + gridValidation + "]")
	s.config = "subscriptions: [keyvault-to-relay]"
	for name, good := range map[string]bool{"KEYVAULT-TO-RELAY": true, "keyvault-to-relay": true, "other": false, "": false} {
		r := s.request(t, s.body)
		r.Header.Set("aeg-event-type", "SubscriptionValidation")
		if name != "" {
			r.Header.Set("aeg-subscription-name", name)
		}
		message, err := s.new(t).Read(r, hooks.Verified{})
		if !good {
			const want = "malformed request: the event subscription to validate, in the header aeg-subscription-name, is none of the source's subscriptions"
			if err == nil || err.Error() != want || message.Reply != nil {
				t.Errorf("%q: error is %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		want := &hooks.Reply{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"validationResponse":"512d38b6-c7b8"}`)}
		if diff := cmp.Diff(want, message.Reply); diff != "" || len(message.Events) > 0 {
			t.Errorf("%q: -want +got:\n%s", name, diff)
		}
	}
	s.config = "{}"
	quoted := strings.Replace(s.body, "512d38b6-c7b8", `a\"},{\"b\":\"`, 1)
	message, err := s.new(t).Read(s.request(t, quoted), hooks.Verified{})
	if err != nil || string(message.Reply.Body) != `{"validationResponse":"a\"},{\"b\":\""}` {
		t.Errorf("error is %v, reply %+v", err, message.Reply)
	}
}

func TestPreflight(t *testing.T) {
	tests := []struct {
		name   string
		header http.Header
		origin string
	}{
		{"Event Grid", http.Header{"Webhook-Request-Origin": {"eventgrid.azure.net"}, "Webhook-Request-Rate": {"120"}}, "eventgrid.azure.net"},
		{"another sender", http.Header{"Webhook-Request-Origin": {"eventemitter.example.com"}}, "eventemitter.example.com"},
		{"no question", http.Header{"Origin": {"https://example.com"}, "Access-Control-Request-Method": {"POST"}}, ""},
		{"two origins", http.Header{"Webhook-Request-Origin": {"a.example.com", "b.example.com"}}, ""},
		{"no DNS name", http.Header{"Webhook-Request-Origin": {"a b\r\nx: y"}}, ""},
		{"long name", http.Header{"Webhook-Request-Origin": {strings.Repeat("x", 254)}}, ""},
	}
	preflighter := gridSample("").new(t).(hooks.Preflighter)
	for _, test := range tests {
		want := hooks.Reply{Status: 405, Header: http.Header{"Allow": {"POST"}}}
		if test.origin != "" {
			want = hooks.Reply{Status: 200, Header: http.Header{"Allow": {"POST"}, "Webhook-Allowed-Origin": {test.origin}, "Webhook-Allowed-Rate": {"*"}}}
		}
		if diff := cmp.Diff(want, preflighter.Preflight(test.header)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", test.name, diff)
		}
	}
}

func FuzzAzureEventGrid(f *testing.F) {
	fuzzTold(f, gridSample("["+gridCreated+"]"), gridSample(gridCloudEvent), gridSample("["+gridValidation+"]"), gridSample("["+gridCreated+","+gridCloudEvent+"]"))
}
