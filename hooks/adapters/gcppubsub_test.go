package adapters_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/hooks"
)

// gcpData is what a notification has as data: the version's resource.
const gcpData = `{"name":"projects/123456789/secrets/db-pass/versions/7","createTime":"2026-01-01T00:00:00.122233Z","state":"ENABLED"}`

// gcpPush is a message as Pub/Sub wraps it.
func gcpPush(attributes string) sample {
	return sample{adapter: "gcp-pubsub", config: "{}", body: fmt.Sprintf(
		`{"deliveryAttempt":1,"message":{"attributes":{%s},"data":"%s","messageId":"7231722999366000","message_id":"7231722999366000",`+
			`"publishTime":"2026-01-01T00:00:01.5Z","publish_time":"2026-01-01T00:00:01.5Z"},"subscription":"projects/p/subscriptions/s"}`,
		attributes, base64.StdEncoding.EncodeToString([]byte(gcpData)))}
}

const gcpAdded = `"dataFormat":"JSON_API_V1","eventType":"SECRET_VERSION_ADD","secretId":"projects/123456789/secrets/db-pass","timestamp":"2026-01-01T00:00:00.122233-07:00","versionId":"7"`

// gcpBare is a message that comes unwrapped.
func gcpBare(change func(http.Header)) sample {
	header := http.Header{}
	for name, value := range map[string]string{
		"x-goog-pubsub-subscription-name": "projects/p/subscriptions/s", "x-goog-pubsub-message-id": "7231722999366000",
		"x-goog-pubsub-publish-time": "2026-01-01T00:00:01.5Z", "eventType": "SECRET_VERSION_ADD", "dataFormat": "JSON_API_V1",
		"secretId": "projects/123456789/secrets/db-pass", "timestamp": "2026-01-01T00:00:00.122Z",
	} {
		header.Set(name, value)
	}
	change(header)
	return sample{adapter: "gcp-pubsub", config: "{}", media: "text/plain", header: header, body: gcpData}
}

func TestGCPPubSub(t *testing.T) {
	same := func(http.Header) {}
	with := func(old, replacement string) sample { return gcpPush(strings.Replace(gcpAdded, old, replacement, 1)) }
	body := func(old, replacement string) sample {
		s := gcpPush(gcpAdded)
		s.body = strings.Replace(s.body, old, replacement, 1)
		return s
	}
	named := gcpPush(gcpAdded)
	named.config = "{secret_prefix: prod/, secret_names: {db: [x]}}"
	const resource = "the attribute secretId is not projects/PROJECT/secrets/SECRET"
	testTold(t, []toldTest{
		{name: "a version", sample: gcpPush(gcpAdded), want: []view{{"7231722999366000", "db-pass", "changed", "", nil, "2026-01-01T07:00:00.122Z"}}},
		{name: "of a regional secret", sample: with("123456789/", "123456789/locations/europe-west1/"), want: []view{{"7231722999366000", "db-pass", "changed", "", nil, "2026-01-01T07:00:00.122Z"}}},
		{name: "without its own time", sample: with("timestamp", "other"), want: []view{{"7231722999366000", "db-pass", "changed", "", nil, "2026-01-01T00:00:01.5Z"}}},
		{name: "with a prefix", sample: named, want: []view{{"7231722999366000", "prod/db-pass", "changed", "", nil, "2026-01-01T07:00:00.122Z"}}},
		{name: "unwrapped", sample: gcpBare(same), want: []view{{"7231722999366000", "db-pass", "changed", "", nil, "2026-01-01T00:00:00.122Z"}}},
		{name: "a reminder to rotate", sample: with("SECRET_VERSION_ADD", "SECRET_ROTATE")},
		{name: "a version that is destroyed", sample: with("SECRET_VERSION_ADD", "SECRET_VERSION_DESTROY")},
		{name: "a deletion", sample: with("SECRET_VERSION_ADD", "SECRET_DELETE")},
		{name: "the test message", sample: gcpPush(`"eventType":"TOPIC_CONFIGURED"`)},
		{name: "the test message, unwrapped", sample: gcpBare(func(h http.Header) { h.Set("eventType", "TOPIC_CONFIGURED"); h.Del("secretId") })},

		{name: "unwrapped without metadata", sample: sample{adapter: "gcp-pubsub", config: "{}", body: gcpData}, refused: "/message is missing, not an object; a subscription with payload unwrapping has to write metadata"},
		{name: "of another publisher", sample: gcpPush(`"hunter":"2"`), refused: "the message has no attribute eventType; it is no notification of Secret Manager"},
		{name: "unwrapped of another publisher", sample: gcpBare(func(h http.Header) { h.Del("eventType") }), refused: "the message has no attribute eventType; it is no notification of Secret Manager"},
		{name: "number as type", sample: with(`"SECRET_VERSION_ADD"`, "17"), refused: "/message/attributes/eventType is a number, not a string"},
		{name: "no secret", sample: with("secretId", "hunter"), refused: resource},
		{name: "secret's name alone", sample: with("projects/123456789/secrets/", "hunter"), refused: resource},
		{name: "version as secret", sample: with("secrets/db-pass", "secrets/db-pass/versions/1/x"), refused: resource},
		{name: "empty secret", sample: with("secrets/db-pass", "secrets/"), refused: resource},
		{name: "no ID", sample: body(`"messageId"`, `"hunter"`), refused: "the message's ID is not 1 to 256 printable ASCII characters without space"},
		{name: "bad time", sample: with("2026-01-01T", "hunter"), refused: "the attribute timestamp is not a time such as 2006-01-02T15:04:05Z (RFC 3339)"},
		{name: "secret twice in the header", sample: gcpBare(func(h http.Header) { h.Add("secretId", "hunter2") }), refused: "the header has secretId 2 times"},
		{name: "ID twice in the header", sample: gcpBare(func(h http.Header) { h.Add("x-goog-pubsub-message-id", "hunter2") }), refused: "the header has x-goog-pubsub-message-id 2 times"},
	})

	s := gcpBare(func(h http.Header) { h.Set("Content-Encoding", "gzip") })
	if message, err := s.new(t).Read(s.request(t, s.body), hooks.Verified{}); !errors.Is(err, hooks.ErrMediaType) || len(message.Events) > 0 {
		t.Errorf("compressed: error is %v", err)
	}
}

func FuzzGCPPubSub(f *testing.F) {
	fuzzTold(f, gcpPush(gcpAdded), gcpPush(`"eventType":"TOPIC_CONFIGURED"`), gcpPush(`"eventType":"SECRET_VERSION_ADD","secretId":"projects/p/locations/l/secrets/s"`))
}
