// Package sourcetest sends requests that are kept in files to a running service
// and compares what it answers with what the files say.
//
// A file is an HTTP/1.1 request (RFC 9112) as it goes over the wire, its lines
// ended by LF or CRLF, with lines before it that begin with #. Those of the form
// "# word: text" are directives:
//
//	# expect: 202 awaited   the answer: its status code, and its word
//	# sign: doppler         sign with the source's secret for that scheme
//	# times: 2              send it so often; the last answer counts
//	# needs: text           what has to be so on the server
//
// The word of a success is the "status" of its JSON, or "exists" where the sender
// asked whether a secret does; of a refusal it is the last part of the problem's
// type (RFC 9457); "reply" stands for an answer in a sender's own protocol, which
// has neither.
//
// The request's path is /v1/hooks/ANY, with what else belongs to it behind: ANY
// is replaced by the name of the source. The host is that of the service. In
// header and body {{id}}, {{now}}, {{now_ms}} and {{now_iso}} stand for a new
// ID, and for the time in seconds, in milliseconds and as in RFC 3339. One
// newline at the end of the file does not belong to the body.
package sourcetest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

// Case is one file.
type Case struct {
	// Name is the file's name.
	Name string
	// Expect is the answer that is expected.
	Expect Answer
	// Sign is the scheme to sign with; empty for a request that is sent as it is.
	Sign string
	// Times is how often the request is sent, at least 1.
	Times int
	// Needs says what has to be so on the server, for people.
	Needs string

	method string
	// rest is what follows the source's name in the request's target.
	rest   string
	header http.Header
	body   []byte
}

// Answer is what is told apart of an answer.
type Answer struct {
	// Status is the HTTP status code.
	Status int `json:"status"`
	// Word is the status word of a success, the last part of a problem's type,
	// or "reply".
	Word string `json:"word"`
}

func (a Answer) String() string { return fmt.Sprintf("%d %s", a.Status, a.Word) }

// maxTimes bounds Times.
const maxTimes = 10

// Parse reads a file. The Case keeps data, which may have a value in it.
func Parse(name string, data []byte) (*Case, error) {
	c := &Case{Name: name, Times: 1}
	rest, err := c.directives(data)
	if err == nil && c.Expect.Status == 0 {
		err = errors.New(`missing directive; say what is expected: "# expect: 202 accepted"`)
	}
	if err == nil {
		err = c.request(rest)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

var directive = lazyregexp.New(`^#\s*([a-z]+):\s*(.*?)\s*$`)

// directives reads the lines that begin with # and returns what follows them.
func (c *Case) directives(data []byte) ([]byte, error) {
	for bytes.HasPrefix(data, []byte("#")) {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		found := directive().FindSubmatch(line)
		if found == nil {
			continue
		}
		if err := c.direct(string(found[1]), string(found[2])); err != nil {
			return nil, err
		}
	}
	return data, nil
}

var expectation = lazyregexp.New(`^([1-5][0-9][0-9]) ([a-z][a-z-]*)$`)

func (c *Case) direct(word, text string) error {
	switch word {
	case "expect":
		found := expectation().FindStringSubmatch(text)
		if found == nil || c.Expect.Status != 0 {
			return errors.New(`directive expect is not, or not once, a status code and a word such as "202 accepted"`)
		}
		c.Expect.Status, _ = strconv.Atoi(found[1]) // three digits
		c.Expect.Word = found[2]
	case "sign":
		c.Sign = text
	case "needs":
		c.Needs = text
	case "times":
		times, err := strconv.Atoi(text)
		if err != nil || times < 1 || times > maxTimes {
			return fmt.Errorf("directive times is not a number from 1 to %d", maxTimes)
		}
		c.Times = times
	default:
		return errors.New("there is an unknown directive; known are expect, sign, times and needs")
	}
	return nil
}

// request reads the request itself.
func (c *Case) request(data []byte) error {
	head, body, err := cutHead(data)
	if err != nil {
		return err
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return errors.New("the request line or a header is not as HTTP/1.1 has it") // the cause may repeat a credential
	}
	if len(r.TransferEncoding) > 0 {
		return errors.New("a Transfer-Encoding is not sent; write the body as it is")
	}
	if r.Header.Get("Content-Length") != "" && r.ContentLength != int64(len(body)) {
		return fmt.Errorf("Content-Length is %d and the body has %d bytes; leave the header out", r.ContentLength, len(body))
	}
	r.Header.Del("Content-Length")
	c.method, c.header, c.body = r.Method, r.Header, body
	c.rest, err = restOf(r.URL)
	return err
}

// cutHead cuts the data behind the empty line, and takes a newline from the end
// of the body.
func cutHead(data []byte) (head, body []byte, err error) {
	end := regexp.MustCompile(`\r?\n\r?\n`).FindIndex(data)
	if end == nil {
		return nil, nil, errors.New("no empty line is behind the header")
	}
	body = bytes.TrimSuffix(bytes.TrimSuffix(data[end[1]:], []byte("\n")), []byte("\r"))
	return slices.Concat(data[:end[0]], []byte("\r\n\r\n")), body, nil
}

const hooksPath = "/v1/hooks/"

// restOf is what follows the source's name in a target.
func restOf(target *url.URL) (string, error) {
	source, found := strings.CutPrefix(target.EscapedPath(), hooksPath)
	if !found {
		return "", fmt.Errorf("the request's path does not begin with %s", hooksPath)
	}
	rest := ""
	if slash := strings.IndexByte(source, '/'); slash >= 0 {
		rest = source[slash:]
	}
	if target.RawQuery != "" {
		rest += "?" + target.RawQuery
	}
	return rest, nil
}

// Wipe overwrites the body, and with it the value that it may have.
func (c *Case) Wipe() { clear(c.body) }
