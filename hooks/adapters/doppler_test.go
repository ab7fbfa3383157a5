package adapters_test

import (
	"strings"
	"testing"
)

func TestDopplerReads(t *testing.T) {
	body := func(diff string) string {
		return `{"type":"config.secrets.update","config":{"name":"prd","environment":"prd","project":"jobs"},"project":{"id":"jobs","name":"jobs"},"workplace":{"id":"wp1","name":"Demo"},"diff":` + diff + `}`
	}
	testNotices(t, "doppler", []noticeTest{
		{"updated", "{}", body(`{"added":[],"removed":[],"updated":["DB_PASSWORD"]}`), changes("jobs/prd/DB_PASSWORD")},
		{"added, updated and removed", "{}", body(`{"added":["A","B"],"removed":["C"],"updated":["D"]}`), changes("jobs/prd/A", "jobs/prd/B", "jobs/prd/D")},
		{"removed alone", "{}", body(`{"removed":["C"]}`), nil},
		{"in both lists", "{}", body(`{"added":["A"],"updated":["A"]}`), changes("jobs/prd/A")},
		{"two names of one secret", "{secret_names: {jobs/prd/USER: [db], jobs/prd/PASSWORD: [db]}}", body(`{"updated":["USER","PASSWORD"]}`), changes("db")},
		{"old type", "{}", strings.Replace(body(`{"updated":["A"]}`), "config.secrets.update", "enclave.project.config.secrets.update", 1), changes("jobs/prd/A")},
		{"another type", "{}", `{"type":"config.create"}`, nil},
	})
}

func TestDopplerRefuses(t *testing.T) {
	body := func(config, diff string) string {
		return `{"type":"config.secrets.update","config":` + config + `,"diff":` + diff + `}`
	}
	const config = `{"name":"prd","project":"jobs"}`
	testRefusedNotices(t, "doppler", []refusedNotice{
		{"static payload", "{}", `{"ref":"hunter2"}`, "/type is missing, not a string"},
		{"no project", "{}", body(`{"name":"hunter2"}`, `{}`), "/config/project is missing; a secret's name is a string"},
		{"no config", "{}", body(`{"project":"hunter2"}`, `{}`), "/config/name is missing; a secret's name is a string"},
		{"no diff", "{}", body(config, `null`), "/diff is null, not an object"},
		{"string as list", "{}", body(config, `{"added":"hunter2"}`), "/diff/added is a string, not an array"},
		{"number as name", "{}", body(config, `{"updated":[17]}`), "a name in /diff/updated is a number; a secret's name is a string"},
		{"slash in project", "{}", body(`{"name":"prd","project":"hunter/2"}`, `{"updated":["A"]}`), "a part of the secret's name is empty or has a slash"},
		{"long name in all", "{}", body(config, `{"updated":["`+strings.Repeat("N", 255)+`"]}`), "the secret's name has 264 bytes in all, at most 255 are allowed"},
		{"many", "{}", body(config, `{"updated":[`+strings.TrimSuffix(strings.NewReplacer(`{"name":`, "", "}", "").Replace(manyNames(5001)), ",")+`]}`), "the body tells of more than 5000 secrets"},
	})
}

// FuzzDoppler: the adapter reads the names that encoding/json reads.
func FuzzDoppler(f *testing.F) {
	fuzzNotices(f, "doppler", "{}", func(body map[string]any) []string {
		if kind := body["type"]; kind != "config.secrets.update" && kind != "enclave.project.config.secrets.update" {
			return nil
		}
		config := body["config"].(map[string]any)
		var told []string
		for _, list := range []string{"added", "updated"} {
			names, _ := body["diff"].(map[string]any)[list].([]any)
			for _, name := range names {
				told = append(told, config["project"].(string)+"/"+config["name"].(string)+"/"+name.(string))
			}
		}
		return told
	}, `{"type":"config.secrets.update","config":{"name":"prd","project":"jobs"},"diff":{"added":["A"],"updated":["B","C"]}}`)
}
