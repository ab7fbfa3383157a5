package adapters_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/hooks"
)

// refusals has the error class of each problem that an adapter finds.
var refusals = map[string]error{
	"400 malformed": hooks.ErrMalformed, "415 media-type": hooks.ErrMediaType, "422 no-value": hooks.ErrNoValue,
}

// TestCatalogue reads the requests in testdata/hooks as their adapter does:
// those that succeed are read, and those that an adapter refuses are refused
// for the reason they expect.
func TestCatalogue(t *testing.T) {
	for _, s := range samples {
		files, err := filepath.Glob("../../testdata/hooks/" + s.adapter + "/*.http")
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 0 && s.catalogued {
			t.Errorf("%s has no requests", s.adapter)
		}
		for _, file := range files {
			t.Run(s.adapter+"/"+filepath.Base(file), func(t *testing.T) {
				r, expect := readHTTP(t, file)
				if r.Method == http.MethodOptions {
					if reply := s.new(t).(hooks.Preflighter).Preflight(r.Header); expect != "200 reply" || reply.Status != http.StatusOK {
						t.Errorf("reply is %d", reply.Status)
					}
					return
				}
				message, err := s.new(t).Read(r, hooks.Verified{})
				defer message.Wipe()
				class, refused := refusals[expect]
				switch {
				case refused && !errors.Is(err, class):
					t.Errorf("error is %v, want %v", err, class)
				case strings.HasPrefix(expect, "2") && err != nil:
					t.Error(err)
				case expect == "202 awaited" && (len(message.Events) == 0 || message.Events[0].Operation != hooks.Changed):
					t.Error("the message does not tell of change")
				case expect == "200 ignored" && (len(message.Events) > 0 || message.Reply != nil || message.Exists != ""):
					t.Error("the message is not empty")
				case expect == "200 reply" && message.Reply == nil:
					t.Error("the message has no reply")
				}
			})
		}
	}
}

// readHTTP reads a file of the catalogue: directives in comments, then the
// request.
func readHTTP(t *testing.T, file string) (*hooks.Request, string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	expect := ""
	for bytes.HasPrefix(content, []byte("#")) {
		line, rest, _ := bytes.Cut(content, []byte("\n"))
		if _, word, found := strings.Cut(string(line), "expect: "); found {
			expect = strings.TrimSpace(word)
		}
		content = rest
	}
	if expect == "" {
		t.Fatal("the file says not what to expect")
	}
	reader := bufio.NewReader(bytes.NewReader(content))
	parsed, err := http.ReadRequest(reader)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return &hooks.Request{Method: parsed.Method, URL: parsed.URL, Header: parsed.Header, Body: body}, expect
}
