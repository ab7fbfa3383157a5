package sourcetest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sealrelay/sealrelay/internal/wire"
)

// reply is the word of an answer in a sender's own protocol.
const reply = "reply"

// Runner sends cases to one source of a running service. Its fields are set
// before the first Run; it is for one goroutine at a time.
type Runner struct {
	// Address is the service's address without a path: https://HOST:PORT.
	Address string
	// Source is the source's name.
	Source string
	// HTTP does the requests, apart from following redirects, which is never
	// done. It shows no certificate.
	HTTP *http.Client
	// Certified does those that are signed: it shows the sender's certificate. It
	// is HTTP if there is none.
	Certified *http.Client
	// Signer signs what has to be signed; nil if there is none.
	Signer *Signer
}

// Result is what came of a case.
type Result struct {
	Case   string `json:"case"`
	Expect Answer `json:"expect"`
	// Got is the last answer; the zero Answer if the case was skipped.
	Got Answer `json:"got"`
	// OK says that the answer is the one that is expected.
	OK bool `json:"ok"`
	// Skipped is why nothing was sent.
	Skipped string `json:"skipped,omitempty"`
	// Detail is what the service says of a refusal. It has no control characters.
	Detail string `json:"detail,omitempty"`
	Needs  string `json:"needs,omitempty"`
}

// Run sends the case and compares the answer. The error says that the service
// was not reached, or ctx ended.
func (r *Runner) Run(ctx context.Context, c *Case) (Result, error) {
	result := Result{Case: c.Name, Expect: c.Expect, Needs: c.Needs}
	if c.Sign != "" {
		if result.Skipped = r.Signer.refuses(c.Sign); result.Skipped != "" {
			return result, nil
		}
	}
	filled := c.fill(newID(), time.Now())
	defer clear(filled.body)
	for range c.Times {
		var err error
		if result.Got, result.Detail, err = r.send(ctx, filled, c.Sign != ""); err != nil {
			return result, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	result.OK = result.Got == c.Expect
	return result, nil
}

// filled is a case's request with its placeholders filled in.
type filled struct {
	method, rest string
	header       http.Header
	body         []byte
	id           string
	at           time.Time
}

func (c *Case) fill(id string, at time.Time) filled {
	fillers := []string{
		"{{id}}", id, "{{now}}", strconv.FormatInt(at.Unix(), 10),
		"{{now_ms}}", strconv.FormatInt(at.UnixMilli(), 10), "{{now_iso}}", at.UTC().Format(time.RFC3339),
	}
	text := strings.NewReplacer(fillers...)
	f := filled{method: c.method, rest: text.Replace(c.rest), header: http.Header{}, body: bytes.Clone(c.body), id: id, at: at}
	for name, lines := range c.header {
		for _, line := range lines {
			f.header.Add(name, text.Replace(line))
		}
	}
	for filler := range slices.Chunk(fillers, 2) { // A Replacer would make a string of the body.
		replaced := bytes.ReplaceAll(f.body, []byte(filler[0]), []byte(filler[1]))
		clear(f.body)
		f.body = replaced
	}
	return f
}

// newID is an ID for a case, which no other run has.
func newID() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	return "test_" + hex.EncodeToString(random[:])
}

// send sends a request once.
func (r *Runner) send(ctx context.Context, f filled, sign bool) (Answer, string, error) {
	request, err := http.NewRequestWithContext(ctx, f.method, r.Address+hooksPath+r.Source+f.rest, bytes.NewReader(f.body))
	if err != nil {
		return Answer{}, "", errors.New("the request cannot be sent to this address; check --url")
	}
	request.Header = f.header.Clone()
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "sealrelay")
	}
	client := r.HTTP
	if sign {
		client = cmp.Or(r.Certified, r.HTTP)
		if err := r.Signer.sign(message{request, f.id, f.body, f.at}); err != nil {
			return Answer{}, "", fmt.Errorf("sign: %w", err)
		}
	}
	direct := *client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := direct.Do(request)
	if err != nil {
		return Answer{}, "", r.unanswered(err)
	}
	defer response.Body.Close()
	return read(response)
}

// unanswered is err without the address's query, which may have a credential. It
// tells a service that is not reached now from one that is not trusted, which
// stays so.
func (r *Runner) unanswered(err error) error {
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return fmt.Errorf("the service is not trusted: %w; give its authority with --ca-file, or correct the host in --url", untrusted)
	}
	var unreached *url.Error
	if errors.As(err, &unreached) {
		return &url.Error{Op: unreached.Op, URL: r.Address, Err: unreached.Err}
	}
	return err
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// read tells an answer apart.
func read(response *http.Response) (Answer, string, error) {
	answer := Answer{Status: response.StatusCode, Word: reply}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return Answer{}, "", err
	}
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if media == wire.ProblemType {
		var problem wire.Problem
		if json.Unmarshal(body, &problem) == nil && problem.Type != "" {
			answer.Word = printable(problem.Type[strings.LastIndexAny(problem.Type, "#/")+1:])
		}
		return answer, printable(problem.Detail), nil
	}
	if response.StatusCode/100 == 2 {
		answer.Word = wordOf(body)
	}
	return answer, "", nil
}

// wordOf is the word of a success.
func wordOf(body []byte) string {
	var success struct {
		Status wire.Status `json:"status"`
		Exists bool        `json:"exists"`
	}
	switch err := json.Unmarshal(body, &success); {
	case err == nil && success.Status != "":
		return printable(string(success.Status))
	case err == nil && success.Exists:
		return "exists"
	}
	return reply
}

// printable keeps a server from sending control sequences to a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
