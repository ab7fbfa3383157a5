package sourcetest_test

import (
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/internal/sourcetest"
)

const good = "# A request.\n# expect: 202 accepted\n# sign: doppler\n# times: 2\n# needs: nothing\nPOST /v1/hooks/x HTTP/1.1\nHost: h\n\n{}\n"

func TestParse(t *testing.T) {
	for name, file := range map[string]string{"LF": good, "CRLF": strings.ReplaceAll(good, "\n", "\r\n")} {
		c, err := sourcetest.Parse("f.http", []byte(file))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.Name != "f.http" || c.Expect.String() != "202 accepted" || c.Sign != "doppler" || c.Times != 2 || c.Needs != "nothing" {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const request = "POST /v1/hooks/x HTTP/1.1\nHost: h\n\n"
	tests := []struct{ name, file, want string }{
		{"nothing", "", `missing directive; say what is expected: "# expect: 202 accepted"`},
		{"no directive", request, `missing directive; say what is expected: "# expect: 202 accepted"`},
		{"no word", "# expect: 202\n" + request, `directive expect is not, or not once, a status code and a word such as "202 accepted"`},
		{"twice", "# expect: 202 a\n# expect: 200 b\n" + request, `directive expect is not, or not once, a status code and a word such as "202 accepted"`},
		{"unknown directive", "# expects: 202 hunter2\n" + request, "there is an unknown directive; known are expect, sign, times and needs"},
		{"no number", "# times: x\n# expect: 202 a\n" + request, "directive times is not a number from 1 to 10"},
		{"too often", "# times: 11\n# expect: 202 a\n" + request, "directive times is not a number from 1 to 10"},
		{"no empty line", "# expect: 202 a\nPOST /v1/hooks/x HTTP/1.1\nHost: h\n", "no empty line is behind the header"},
		{"no request", "# expect: 202 a\nhunter2\n\n", "the request line or a header is not as HTTP/1.1 has it"},
		{"bad header", "# expect: 202 a\nPOST /v1/hooks/x HTTP/1.1\nhunter2\n\n", "the request line or a header is not as HTTP/1.1 has it"},
		{"another path", "# expect: 202 a\nPOST /v1/other HTTP/1.1\nHost: h\n\n", "the request's path does not begin with /v1/hooks/"},
		{"chunked", "# expect: 202 a\nPOST /v1/hooks/x HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n0\n\n", "a Transfer-Encoding is not sent; write the body as it is"},
		{"another length", "# expect: 202 a\nPOST /v1/hooks/x HTTP/1.1\nHost: h\nContent-Length: 7\n\n{}\n", "Content-Length is 7 and the body has 2 bytes; leave the header out"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := sourcetest.Parse("f.http", []byte(test.file))
			if c != nil || err == nil || err.Error() != "f.http: "+test.want {
				t.Errorf("error is %v, want %s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter") {
				t.Errorf("error repeats what is in the file: %v", err)
			}
		})
	}
}

// FuzzParse: whatever is in a file, it is refused or has what a case needs.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(strings.ReplaceAll(good, "\n", "\r\n")))
	f.Add([]byte("# expect: 200 reply\nOPTIONS /v1/hooks/x/a?b=c HTTP/1.1\nHost: h\nContent-Length: 0\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := sourcetest.Parse("f", data)
		if (c == nil) == (err == nil) {
			t.Fatalf("case %v, error %v", c, err)
		}
		if c != nil && (c.Expect.Status < 100 || c.Expect.Status > 599 || c.Expect.Word == "" || c.Times < 1 || c.Times > 10) {
			t.Fatalf("case %+v", c)
		}
	})
}
