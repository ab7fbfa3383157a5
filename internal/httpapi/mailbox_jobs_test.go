package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// runs are those of all agents, in memory: r1 is web's. They keep to what jobs.Work
// says of who may do what.
type runs struct {
	mu     sync.Mutex
	run    map[string]*outbox.Run
	output map[string][]string
	ended  map[string]jobs.End
	signed int
}

func newRuns() *runs {
	return &runs{
		run: map[string]*outbox.Run{"r1": {
			ID: "r1", Job: "nightly", Runner: "web", Kind: "inventory", Settings: []byte(`{"store":"tls"}`), Timeout: time.Hour, State: outbox.RunWaiting,
		}},
		output: map[string][]string{}, ended: map[string]jobs.End{},
	}
}

func (r *runs) of(agent string) jobs.Work { return &runsOf{r, agent} }

type runsOf struct {
	*runs
	agent string
}

func (r *runsOf) Claim(ctx context.Context) (outbox.Run, error) {
	r.mu.Lock()
	for _, run := range r.run {
		if run.Runner == r.agent && run.State == outbox.RunWaiting {
			defer r.mu.Unlock()
			run.State = outbox.RunRunning
			run.Fence++
			return *run, nil
		}
	}
	r.mu.Unlock()
	<-ctx.Done()
	return outbox.Run{}, ctx.Err()
}

// at is a run that the agent has claimed so.
func (r *runsOf) at(id string, fence int64) (*outbox.Run, error) {
	run := r.run[id]
	switch {
	case run == nil || run.Runner != r.agent:
		return nil, fmt.Errorf("%w: %s", outbox.ErrNoRun, id)
	case run.Fence != fence || run.State != outbox.RunRunning:
		return nil, outbox.ErrFenced
	}
	return run, nil
}

func (r *runsOf) Extend(_ context.Context, id string, fence int64) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	run, err := r.at(id, fence)
	return err == nil && run.Cancel, err
}

func (r *runsOf) Append(_ context.Context, id string, fence int64, seq int, chunk []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.at(id, fence); err != nil {
		return err
	}
	switch have := len(r.output[id]); {
	case seq == have-1 && r.output[id][seq] == string(chunk):
	case seq == have:
		r.output[id] = append(r.output[id], string(chunk))
	default:
		return outbox.ErrOutput
	}
	return nil
}

func (r *runsOf) Sign(_ context.Context, id string, fence int64, csr []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.at(id, fence); err != nil {
		return nil, err
	}
	if string(csr) != "csr" {
		return nil, fmt.Errorf("%w: it is no request", jobs.ErrNotSigned)
	}
	r.signed++
	return []byte("certificate"), nil
}

func (r *runsOf) End(_ context.Context, id string, fence int64, end jobs.End) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	run, err := r.at(id, fence)
	if err == nil {
		run.State, r.ended[id] = outbox.RunEnded, end
	}
	return err
}

const (
	claimAs  = "&claim=0123456789abcdef"
	jsonType = "application/json"
	octets   = "application/octet-stream"
	csrType  = "application/x-pem-file"
)

func TestMailboxJobs(t *testing.T) {
	m := newMailed(t)
	post := func(target, media, body string) *httptest.ResponseRecorder {
		return m.serve(m.send(t, "web", http.MethodPost, target, media, body))
	}
	want := wire.Run{ID: "r1", Fence: 1, Job: "nightly", Kind: "inventory", Settings: []byte(`{"store":"tls"}`), TimeoutSeconds: 3600}
	for range 2 { // The second is a replay.
		claimed := succeeds[wire.Claimed](t, post("/v1/mailbox/jobs/claim?agent=web&wait=1s"+claimAs, jsonType, "{}"))
		if fmt.Sprint(*claimed.Run) != fmt.Sprint(want) {
			t.Errorf("claimed %+v", claimed.Run)
		}
	}
	if w := post("/v1/mailbox/jobs/claim?agent=web&wait=1s&claim=another-of-the-agent", jsonType, "{}"); strings.TrimSpace(w.Body.String()) != `{"run":null}` {
		t.Errorf("another claim got %s", w.Body)
	}
	if succeeds[wire.Extended](t, post("/v1/mailbox/jobs/r1/extend?agent=web&fence=1", jsonType, "{}")).Stop {
		t.Error("it is to stop")
	}
	m.runs.run["r1"].Cancel = true
	if !succeeds[wire.Extended](t, post("/v1/mailbox/jobs/r1/extend?agent=web&fence=1", jsonType, "{}")).Stop {
		t.Error("it is not to stop")
	}
	for _, seq := range []int{0, 0, 1, 1} {
		succeeds[struct{}](t, post(fmt.Sprint("/v1/mailbox/jobs/r1/output?agent=web&fence=1&seq=", seq), octets, fmt.Sprint("chunk\x00", seq)))
	}
	if got := strings.Join(m.runs.output["r1"], "|"); got != "chunk\x000|chunk\x001" {
		t.Errorf("the output is %q", got)
	}
	for range 2 {
		if signed := succeeds[wire.Signed](t, post("/v1/mailbox/jobs/r1/sign?agent=web&fence=1", csrType, "csr")); signed.Certificates != "certificate" || m.runs.signed != 1 {
			t.Errorf("signed %+v, %d times", signed, m.runs.signed)
		}
		succeeds[struct{}](t, post("/v1/mailbox/jobs/r1/end?agent=web&fence=1", jsonType, `{"result":"warning","message":"a\u001b[31m\nb","changed":"tls"}`))
	}
	if end := m.runs.ended["r1"]; end != (jobs.End{Result: outbox.RunWarning, Message: "a[31m\nb", Changed: "tls"}) {
		t.Errorf("ended %+v", end)
	}
}

// TestMailboxJobsAreOnesOwn: another agent can do nothing with a run, and is told what
// it is told of one that there is not.
func TestMailboxJobsAreOnesOwn(t *testing.T) {
	m := newMailed(t)
	succeeds[wire.Claimed](t, m.serve(m.send(t, "web", http.MethodPost, "/v1/mailbox/jobs/claim?agent=web"+claimAs, jsonType, "{}")))
	for _, tc := range []struct{ do, media, body string }{
		{"extend?agent=AGENT&fence=1", jsonType, "{}"},
		{"output?agent=AGENT&fence=1&seq=0", octets, "x"},
		{"sign?agent=AGENT&fence=1", csrType, "csr"},
		{"end?agent=AGENT&fence=1", jsonType, `{"given_back":true}`},
	} {
		answers := map[string]bool{}
		for _, run := range []string{"r1", "r2"} {
			w := m.serve(m.send(t, "batch", http.MethodPost, "/v1/mailbox/jobs/"+run+"/"+strings.Replace(tc.do, "AGENT", "batch", 1), tc.media, tc.body))
			refuses(t, w, 409, "run-lost")
			answers[w.Body.String()] = true
		}
		// So is its own agent, with another claim.
		w := m.serve(m.send(t, "web", http.MethodPost, "/v1/mailbox/jobs/r1/"+strings.Replace(strings.Replace(tc.do, "AGENT", "web", 1), "fence=1", "fence=2", 1), tc.media, tc.body))
		refuses(t, w, 409, "run-lost")
		answers[w.Body.String()] = true
		if len(answers) != 1 {
			t.Errorf("%s: the answers differ: %v", tc.do, answers)
		}
		// In another's name nothing is even looked at.
		refuses(t, m.serve(m.send(t, "batch", http.MethodPost, "/v1/mailbox/jobs/r1/"+strings.Replace(tc.do, "AGENT", "web", 1), tc.media, tc.body)), 401, "not-the-agent")
	}
	refuses(t, m.serve(m.send(t, "batch", http.MethodPost, "/v1/mailbox/jobs/claim?agent=web"+claimAs, jsonType, "{}")), 401, "not-the-agent")
	if w := m.serve(m.send(t, "batch", http.MethodPost, "/v1/mailbox/jobs/claim?agent=batch&wait=1s"+claimAs, jsonType, "{}")); strings.TrimSpace(w.Body.String()) != `{"run":null}` {
		t.Errorf("the same claim by another agent got %s", w.Body)
	}
	if len(m.runs.output)+len(m.runs.ended)+m.runs.signed > 0 || m.runs.run["r1"].State != outbox.RunRunning {
		t.Errorf("something was done: %+v", m.runs)
	}
}

func TestMailboxJobsRefuse(t *testing.T) {
	m := newMailed(t)
	succeeds[wire.Claimed](t, m.serve(m.send(t, "web", http.MethodPost, "/v1/mailbox/jobs/claim?agent=web"+claimAs, jsonType, "{}")))
	const run = "/v1/mailbox/jobs/r1/"
	for name, tc := range map[string]struct {
		target, media, body string
		code                int
		slug                string
	}{
		"no claim":            {"/v1/mailbox/jobs/claim?agent=web", jsonType, "{}", 400, "malformed"},
		"short claim":         {"/v1/mailbox/jobs/claim?agent=web&claim=short", jsonType, "{}", 400, "malformed"},
		"claim of characters": {"/v1/mailbox/jobs/claim?agent=web&claim=0123456789abcd%00f", jsonType, "{}", 400, "malformed"},
		"bad wait":            {"/v1/mailbox/jobs/claim?agent=web&wait=soon" + claimAs, jsonType, "{}", 400, "malformed"},
		"claim with a body":   {"/v1/mailbox/jobs/claim?agent=web" + claimAs, jsonType, "[]", 400, "malformed"},
		"other parameter":     {"/v1/mailbox/jobs/claim?agent=web&fence=1" + claimAs, jsonType, "{}", 400, "malformed"},
		"no fence":            {run + "extend?agent=web", jsonType, "{}", 400, "malformed"},
		"negative fence":      {run + "extend?agent=web&fence=-1", jsonType, "{}", 400, "malformed"},
		"fence of two forms":  {run + "extend?agent=web&fence=%2B1", jsonType, "{}", 400, "malformed"},
		"extend with a body":  {run + "extend?agent=web&fence=1", octets, "x", 415, "media-type"},
		"no seq":              {run + "output?agent=web&fence=1", octets, "x", 400, "malformed"},
		"far seq":             {run + "output?agent=web&fence=1&seq=9000000000", octets, "x", 400, "malformed"},
		"another chunk":       {run + "output?agent=web&fence=1&seq=1", octets, "x", 409, "output"},
		"empty chunk":         {run + "output?agent=web&fence=1&seq=0", octets, "", 401, "not-the-agent"},
		"large chunk":         {run + "output?agent=web&fence=1&seq=0", octets, strings.Repeat("x", jobs.MaxChunk+1), 413, "body-too-large"},
		"chunk as text":       {run + "output?agent=web&fence=1&seq=0", "text/plain", "x", 415, "media-type"},
		"large request":       {run + "sign?agent=web&fence=1", csrType, strings.Repeat("x", wire.MaxSigningRequest+1), 413, "body-too-large"},
		"request as octets":   {run + "sign?agent=web&fence=1", octets, "csr", 415, "media-type"},
		"refused request":     {run + "sign?agent=web&fence=1", csrType, "other", 422, "not-signed"},
		"unknown member":      {run + "end?agent=web&fence=1", jsonType, `{"result":"success","x":1}`, 400, "malformed"},
		"end of nothing":      {run + "end?agent=web&fence=1", jsonType, `{}`, 400, "malformed"},
		"unknown result":      {run + "end?agent=web&fence=1", jsonType, `{"result":"done"}`, 400, "malformed"},
		"two ends":            {run + "end?agent=web&fence=1", jsonType, `{"result":"success","stopped":true}`, 400, "malformed"},
		"large end":           {run + "end?agent=web&fence=1", jsonType, `{"result":"success","message":"` + strings.Repeat("x", wire.MaxRunEnd) + `"}`, 413, "body-too-large"},
		"no store":            {run + "end?agent=web&fence=1", jsonType, `{"result":"success","changed":"../x"}`, 400, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			refuses(t, m.serve(m.send(t, "web", http.MethodPost, tc.target, tc.media, tc.body)), tc.code, tc.slug)
		})
	}
	// What was signed is not what came.
	r := m.send(t, "web", http.MethodPost, run+"output?agent=web&fence=1&seq=0", octets, "x")
	r.Body = http.NoBody
	refuses(t, m.serve(r), 401, "not-the-agent")
	r = m.send(t, "web", http.MethodPost, run+"extend?agent=web&fence=2", jsonType, "{}")
	r.URL.RawQuery = "agent=web&fence=1"
	refuses(t, m.serve(r), 401, "not-the-agent")
	if len(m.runs.output)+len(m.runs.ended)+m.runs.signed > 0 {
		t.Errorf("something was done: %+v", m.runs)
	}
}

// FuzzReadEnd: what is taken is one way to end, without anything that a terminal takes
// for its own; what is refused is not repeated.
func FuzzReadEnd(f *testing.F) {
	for _, body := range []string{
		`{"result":"success","message":"CANARY","changed":"tls"}`, `{"stopped":true}`, `{"given_back":true}`, `{"result":"CANARY"}`,
		`{"result":"failure","stopped":true}`, `{"CANARY":1}`, "[]", `{"result":"success"} {}`, `{"result":"warning","message":"\u001b\u009b\n"}`, "",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		end, err := httpapi.ReadEnd(body)
		if err != nil {
			if end != (jobs.End{}) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("refused with %v, and yet %+v", err, end)
			}
			return
		}
		again, err := json.Marshal(end)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := httpapi.ReadEnd(again); err != nil || got != end {
			t.Errorf("%+v is read as %+v, %v", end, got, err)
		}
		if strings.ContainsFunc(strings.ReplaceAll(end.Message, "\n", ""), unicode.IsControl) {
			t.Errorf("message %q", end.Message)
		}
	})
}
