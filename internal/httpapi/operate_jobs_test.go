package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/jobs/schedule"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// definedJobs are the jobs of the fixture's configuration.
var definedJobs = map[string]jobs.Definition{
	"look": {
		Name: "look", Kind: jobs.KindInventory, Settings: json.RawMessage(`{"store":"certificates"}`), Timeout: time.Minute,
		Schedule: schedule.Schedule{Daily: "03:00"},
	},
	"report": {
		Name: "report", Kind: jobs.KindCustom, Settings: json.RawMessage(`{"command":"report"}`), Timeout: time.Minute,
		CheckParameters: func(parameters map[string]any) error {
			if _, ok := parameters["level"]; !ok {
				return errors.New("parameter level is required")
			}
			return nil
		},
	},
}

// fail has the run of that ID fail after it has put something out.
func (o operated) fail(t *testing.T, id string) {
	t.Helper()
	claimed, ok, err := o.runs.ClaimRun(t.Context(), "", time.Now(), time.Minute, 3)
	if err != nil || !ok || claimed.ID != id {
		t.Fatalf("claimed %s, %v, %v", claimed.ID, ok, err)
	}
	if err := o.runs.AppendOutput(t.Context(), id, claimed.Fence, 0, []byte("<b>put out</b>\n")); err != nil {
		t.Fatal(err)
	}
	end := outbox.RunEnd{ID: id, Fence: claimed.Fence, State: outbox.RunEnded, Result: outbox.RunFailure, Message: "it is away", At: time.Now()}
	if err := o.runs.EndRun(t.Context(), end, nil); err != nil {
		t.Fatal(err)
	}
}

func TestAdminAPIRunsJobs(t *testing.T) {
	o := operate(t)
	first := answered[standing.Run](t, o, http.MethodPost, "/v1/jobs/look/start", `{}`)
	if first.State != "waiting" || first.By != "token/on-call" || first.Job != "look" {
		t.Errorf("started %+v", first)
	}
	o.fail(t, first.ID)
	shown := answered[standing.Run](t, o, http.MethodGet, "/v1/runs/"+first.ID, "")
	if shown.Result != "failure" || shown.Message != "it is away" || shown.OutputBytes != 15 {
		t.Errorf("the run is %+v", shown)
	}
	output := o.do(t, viewerToken, http.MethodGet, "/v1/runs/"+first.ID+"/output", "")
	if output.Body.String() != "<b>put out</b>\n" || output.Header().Get("Content-Type") != "application/octet-stream" || output.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the output is %q, %v", output.Body, output.Header())
	}
	second := answered[standing.Run](t, o, http.MethodPost, "/v1/runs/"+first.ID+"/retry", "")
	if second.From != first.ID || second.Trigger != "retry" {
		t.Errorf("retried %+v", second)
	}
	if cancelled := answered[standing.Run](t, o, http.MethodPost, "/v1/runs/"+second.ID+"/cancel", ""); cancelled.State != "cancelled" {
		t.Errorf("cancelled %+v", cancelled)
	}
	listed := answered[struct{ Jobs []standing.Job }](t, o, http.MethodGet, "/v1/jobs", "").Jobs
	if len(listed) != 2 || listed[0].Name != "look" || listed[0].Unacknowledged != 1 || listed[0].Latest.ID != first.ID || listed[0].Next == nil || listed[0].Schedule != "daily at 03:00 UTC" {
		t.Errorf("listed %+v", listed)
	}
	for step, want := range []int{1, 0} {
		body := []string{`{"run":"` + first.ID + `"}`, `{"job":"look"}`}[step]
		if n := answered[map[string]int](t, o, http.MethodPost, "/v1/runs/acknowledge", body)["acknowledged"]; n != want {
			t.Errorf("%s acknowledged %d, want %d", body, n, want)
		}
	}
	for step, want := range []bool{true, false} {
		if got := answered[map[string]any](t, o, http.MethodPost, "/v1/jobs/look/unschedule", ""); got["changed"] != want {
			t.Errorf("unscheduled %d: %v", step, got)
		}
	}
	if got := answered[map[string]any](t, o, http.MethodPost, "/v1/jobs/look/schedule", ""); got["changed"] != true {
		t.Errorf("scheduled: %v", got)
	}
	later := answered[standing.Run](t, o, http.MethodPost, "/v1/jobs/report/start", `{"parameters":{"level":3},"at":"2100-01-01T00:00:00Z"}`)
	if later.DueAt.Year() != 2100 || !strings.Contains(string(later.Settings), `"level":3`) {
		t.Errorf("started for later: %+v", later)
	}
}

func TestAdminAPIPagesRuns(t *testing.T) {
	o := operate(t)
	var started []string
	for range 3 {
		started = append(started, answered[standing.Run](t, o, http.MethodPost, "/v1/jobs/look/start", `{}`).ID)
	}
	o.fail(t, started[0])
	type runPage struct {
		Runs []standing.Run
		Next string
	}
	list := func(query string) (ids []string) {
		t.Helper()
		for before := ""; ; {
			p := answered[runPage](t, o, http.MethodGet, "/v1/runs?limit=2&before="+before+query, "")
			for _, run := range p.Runs {
				ids = append(ids, run.ID)
			}
			if before = p.Next; before == "" {
				return ids
			}
		}
	}
	for query, want := range map[string]string{
		"":                            fmt.Sprint([]string{started[2], started[1], started[0]}),
		"&state=ended,cancelled":      fmt.Sprint(started[:1]),
		"&result=failure":             fmt.Sprint(started[:1]),
		"&unacknowledged=true":        fmt.Sprint(started[:1]),
		"&unacknowledged=false&job=x": "[]",
		"&kind=custom":                "[]",
		"&agent=web":                  "[]",
	} {
		if got := fmt.Sprint(list(query)); got != want {
			t.Errorf("%q lists %s, want %s", query, got, want)
		}
	}
}

func TestAdminAPIRefusesJobs(t *testing.T) {
	o := operate(t)
	waits := answered[standing.Run](t, o, http.MethodPost, "/v1/jobs/look/start", `{}`).ID
	for name, test := range map[string]struct {
		bearer, method, target, body string
		status                       int
		slug                         string
	}{
		"a viewer starts":         {viewerToken, http.MethodPost, "/v1/jobs/look/start", `{}`, 403, "role"},
		"nobody lists":            {"", http.MethodGet, "/v1/runs", "", 401, "not-authenticated"},
		"nobody reads":            {"", http.MethodGet, "/v1/runs/" + waits + "/output", "", 401, "not-authenticated"},
		"no such job":             {operatorToken, http.MethodPost, "/v1/jobs/nightly/start", `{}`, 404, "unknown-job"},
		"a parameter is missing":  {operatorToken, http.MethodPost, "/v1/jobs/report/start", `{}`, 422, "parameters"},
		"parameters of no use":    {operatorToken, http.MethodPost, "/v1/jobs/look/start", `{"parameters":{"level":1}}`, 422, "parameters"},
		"an unknown member":       {operatorToken, http.MethodPost, "/v1/jobs/look/start", `{"command":"rm"}`, 400, "malformed"},
		"no schedule":             {operatorToken, http.MethodPost, "/v1/jobs/report/unschedule", "", 409, "no-schedule"},
		"no such run":             {operatorToken, http.MethodGet, "/v1/runs/none", "", 404, "no-run"},
		"no output of none":       {operatorToken, http.MethodGet, "/v1/runs/none/output", "", 404, "no-run"},
		"cancel none":             {operatorToken, http.MethodPost, "/v1/runs/none/cancel", "", 404, "no-run"},
		"retry what waits":        {operatorToken, http.MethodPost, "/v1/runs/" + waits + "/retry", "", 409, "not-failed"},
		"acknowledge all":         {operatorToken, http.MethodPost, "/v1/runs/acknowledge", `{}`, 400, "malformed"},
		"a state that is none":    {operatorToken, http.MethodGet, "/v1/runs?state=done", "", 400, "malformed"},
		"a result that is none":   {operatorToken, http.MethodGet, "/v1/runs?result=fine", "", 400, "malformed"},
		"a word that is no truth": {operatorToken, http.MethodGet, "/v1/runs?unacknowledged=yes", "", 400, "malformed"},
	} {
		w := o.do(t, test.bearer, test.method, test.target, test.body)
		if w.Code != test.status || !strings.Contains(w.Body.String(), "#"+test.slug+`"`) {
			t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, test.status, test.slug)
		}
	}
}
