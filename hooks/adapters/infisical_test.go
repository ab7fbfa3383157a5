package adapters_test

import (
	"strings"
	"testing"
)

// infisicalExample is a message as Infisical's source builds it.
const infisicalExample = `{"event":"secrets.modified","project":{"workspaceId":"p-1","projectId":"p-1","projectName":"demo","environment":"prod","environmentName":"Production","secretPath":"/jobs","changedBy":"a@example.com","changedByActorType":"user"},"timestamp":1767225600000}`

func TestInfisicalReads(t *testing.T) {
	at := func(secret string) []view {
		return []view{{Secret: secret, Operation: "changed", OccurredAt: "2026-01-01T00:00:00Z"}}
	}
	replaced := func(old, with string) string { return strings.Replace(infisicalExample, old, with, 1) }
	testNotices(t, "infisical", []noticeTest{
		{"modified", "{}", infisicalExample, at("p-1/prod/jobs")},
		{"old spelling", "{}", replaced("secrets.modified", "secret.modified"), at("p-1/prod/jobs")},
		{"root folder", "{}", replaced(`"/jobs"`, `"/"`), at("p-1/prod")},
		{"deep folder", "{}", replaced(`"/jobs"`, `"/jobs/night/"`), at("p-1/prod/jobs/night")},
		{"old server", "{}", replaced(`"projectId":"p-1",`, ""), at("p-1/prod/jobs")},
		{"without time", "{}", replaced(`,"timestamp":1767225600000`, ""), changes("p-1/prod/jobs")},
		{"mapped folder", "{secret_names: {p-1/prod/jobs: [prod/db, prod/api]}}", infisicalExample, append(at("prod/db"), at("prod/api")...)},
		{"test", "{}", replaced("secrets.modified", "test"), nil},
		{"rotation failed", "{}", `{"event":"secrets.rotation-failed","project":{"projectId":"p-1"},"timestamp":1}`, nil},
	})
}

func TestInfisicalRefuses(t *testing.T) {
	replaced := func(old, with string) string { return strings.Replace(infisicalExample, old, with, 1) }
	testRefusedNotices(t, "infisical", []refusedNotice{
		{"for Slack", "{}", `{"text":"hunter2","attachments":[]}`, "/event is missing, not a string"},
		{"no project", "{}", `{"event":"secrets.modified","timestamp":1767225600000}`, "/project/workspaceId is missing; a secret's name is a string"},
		{"no path", "{}", replaced(`"secretPath"`, `"hunter2"`), "/project/secretPath is missing; a secret's name is a string"},
		{"number as environment", "{}", replaced(`"prod"`, `17`), "/project/environment is a number; a secret's name is a string"},
		{"slash in environment", "{}", replaced(`"prod"`, `"hunter/2"`), "a part of the secret's name is empty or has a slash"},
		{"long in all", "{}", replaced(`"/jobs"`, `"/`+strings.Repeat("j", 250)+`"`), "the secret's name has 259 bytes in all, at most 255 are allowed"},
		{"text as time", "{}", replaced(`1767225600000`, `"hunter2"`), "/timestamp is not a time such as 2006-01-02T15:04:05Z (RFC 3339)"},
		{"huge time", "{}", replaced(`1767225600000`, strings.Repeat("9", 400)), "/timestamp is not whole seconds or milliseconds since 1970"},
	})
}

// FuzzInfisical: the adapter reads the folder that encoding/json reads.
func FuzzInfisical(f *testing.F) {
	fuzzNotices(f, "infisical", "{}", func(body map[string]any) []string {
		if body["event"] != "secrets.modified" && body["event"] != "secret.modified" {
			return nil
		}
		project := body["project"].(map[string]any)
		id, found := project["projectId"]
		if !found {
			id = project["workspaceId"]
		}
		told := id.(string) + "/" + project["environment"].(string)
		if path := strings.Trim(project["secretPath"].(string), "/"); path != "" {
			told += "/" + path
		}
		return []string{told}
	}, infisicalExample, `{"event":"test"}`)
}
