package adapters_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
)

// platformConfig is a mapping for a message as it might be.
const platformConfig = "{secret: /secretId, type: /eventType, changed_types: [SECRET-CHANGED], event_id: /id, time: /at}"

func TestDelineaPlatformReads(t *testing.T) {
	testNotices(t, "delinea-platform", []noticeTest{
		{
			"mapped", platformConfig, `{"eventType":"SECRET-CHANGED","secretId":17,"id":"e1","at":1767225600}`,
			[]view{{ID: "e1", Secret: "17", Operation: "changed", OccurredAt: "2026-01-01T00:00:00Z"}},
		},
		{"name", platformConfig, `{"eventType":"SECRET-CHANGED","secretId":"/prod/db"}`, changes("prod/db")},
		{"another type", platformConfig, `{"eventType":"USER-LOGIN"}`, nil},
	})
}

func TestDelineaPlatformRefuses(t *testing.T) {
	testRefusedNotices(t, "delinea-platform", []refusedNotice{
		{"no type", platformConfig, `{"secretId":"hunter2"}`, "/eventType is missing, not a string"},
		{"no secret", platformConfig, `{"eventType":"SECRET-CHANGED","name":"hunter2"}`, "/secretId is missing; a secret's name is a string"},
		{"fraction as secret", platformConfig, `{"eventType":"SECRET-CHANGED","secretId":1.5}`, "/secretId is a number; a secret's name is a string"},
		{"object as ID", platformConfig, `{"eventType":"SECRET-CHANGED","secretId":1,"id":{"a":"hunter2"}}`, "/id is an object; an event ID is a string or a number"},
		{"text as time", platformConfig, `{"eventType":"SECRET-CHANGED","secretId":1,"at":"hunter2"}`, "/at is not a time such as 2006-01-02T15:04:05Z (RFC 3339)"},
		{"string", platformConfig, `"hunter2"`, "/eventType is missing, not a string"},
	})
}

func TestMappingSettings(t *testing.T) {
	const places = "set secret and type, where in an event they are; what the product sends is not published, so look at one of its messages"
	const types = "changed_types: name at least one type of event that tells of a new value"
	for config, want := range map[string]string{
		"{}":                     places + "\n" + types,
		"{secret: /s, type: /t}": types,
		"{secret: s, type: /~, changed_types: [x]}":       "secret: JSON Pointer \"s\" does not begin with a slash\ntype: JSON Pointer \"/~\" has a ~ that is neither ~0 (for ~) nor ~1 (for /)",
		"{secret: /s, changed_types: [x]}":                places,
		"{secret: /s, type: /t, changed_types: [], a: 1}": "",
	} {
		_, err := adapters.Table["delinea-platform"](settings(config))
		if err == nil || want != "" && err.Error() != want {
			t.Errorf("%s: error is %v, want %s", config, err, want)
		}
	}
}

func TestDelineaSecretChangedReads(t *testing.T) {
	testNotices(t, "delinea-secretchanged", []noticeTest{
		{"string", "{}", `{"secretId":"17"}`, changes("17")},
		{"number", "{}", `{"secretId":17}`, changes("17")},
		{"big number", "{}", `{"secretId":123456789012345678901234567890}`, changes("123456789012345678901234567890")},
	})
}

func TestDelineaSecretChangedRefuses(t *testing.T) {
	testRefusedNotices(t, "delinea-secretchanged", []refusedNotice{
		{"no ID", "{}", `{"secretid":"hunter2"}`, "/secretId is missing; a secret's name is a string"},
		{"empty ID", "{}", `{"secretId":""}`, "/secretId has 0 bytes; a secret's name has 1 to 255"},
		{"negative", "{}", `{"secretId":-1}`, "/secretId is a number; a secret's name is a string"},
		{"exponent", "{}", `{"secretId":1e400}`, "/secretId is a number; a secret's name is a string"},
		{"object", "{}", `{"secretId":{"a":"hunter2"}}`, "/secretId is an object; a secret's name is a string"},
	})
}

// TestDelineaSecretChangedAnswers: as the vendor's endpoint does, with nothing
// in the body; refusals are the receiver's own.
func TestDelineaSecretChangedAnswers(t *testing.T) {
	adapter, err := adapters.NewDelineaSecretChanged(adapters.DelineaSecretChanged{})
	if err != nil {
		t.Fatal(err)
	}
	answerer := adapter.(hooks.Answerer)
	reply, ok := answerer.Answer(nil)
	if !ok || reply.Status != http.StatusAccepted || reply.Body != nil {
		t.Errorf("success is answered with %+v, %v", reply, ok)
	}
	for _, err := range []error{hooks.ErrMalformed, hooks.ErrUnauthenticated, errors.New("later")} {
		if reply, ok := answerer.Answer(err); ok {
			t.Errorf("%v is answered with %+v", err, reply)
		}
	}
}

// FuzzDelineaPlatform: the adapter reads the secret that encoding/json reads.
func FuzzDelineaPlatform(f *testing.F) {
	fuzzNotices(f, "delinea-platform", platformConfig, func(body map[string]any) []string {
		if body["eventType"] != "SECRET-CHANGED" {
			return nil
		}
		name, isText := body["secretId"].(string)
		if !isText || name != "" && name[0] == '/' {
			return anything
		}
		return []string{name}
	}, `{"eventType":"SECRET-CHANGED","secretId":"a","id":1,"at":1767225600}`, `[{"eventType":"SECRET-CHANGED","secretId":1}]`)
}

// FuzzDelineaSecretChanged: the adapter reads the ID that encoding/json reads.
func FuzzDelineaSecretChanged(f *testing.F) {
	fuzzNotices(f, "delinea-secretchanged", "{}", func(body map[string]any) []string {
		if name, isText := body["secretId"].(string); isText {
			return []string{name}
		}
		return anything
	}, `{"secretId":"17"}`, `{"secretId":17}`)
}
