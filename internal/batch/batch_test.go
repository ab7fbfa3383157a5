package batch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/sealrelay/sealrelay/internal/batch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errRefused = errors.New("refused")

// quoted is a job's Line: it writes the line in brackets and refuses one that
// begins with "no".
func quoted(out, line []byte) ([]byte, error) {
	if bytes.HasPrefix(line, []byte("no")) {
		return nil, errRefused
	}
	return fmt.Appendf(out, "[%s]", line), nil
}

// run runs quoted over in and returns the output and the lines that failed.
func run(t testing.TB, in io.Reader) (out string, failed []int, done int, err error) {
	t.Helper()
	var written bytes.Buffer
	job := batch.Job{
		Line: quoted,
		Failed: func(line int, err error) {
			if !errors.Is(err, errRefused) {
				t.Errorf("line %d: %v", line, err)
			}
			failed = append(failed, line)
		},
		Done: func(bytes int) { done += bytes },
	}
	err = job.Run(t.Context(), in, &written)
	return written.String(), failed, done, err
}

func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		in, out string
		failed  []int
	}{
		"nothing":              {"", "", nil},
		"one line":             {"a\n", "[a]\n", nil},
		"no newline at end":    {"a\nb", "[a]\n[b]\n", nil},
		"CRLF":                 {"a\r\nb\r\n", "[a]\n[b]\n", nil},
		"empty lines":          {"\n\na\n \n\r\nb\n\n", "[a]\n[b]\n", nil},
		"failures":             {"no\na\n\nno 2\nb\nno", "[a]\n[b]\n", []int{1, 4, 6}},
		"CR alone is no break": {"a\rb\n", "[a\rb]\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(c.in), iotest(c.in)} {
				out, failed, _, err := run(t, in)
				if err != nil || out != c.out || fmt.Sprint(failed) != fmt.Sprint(c.failed) {
					t.Errorf("got %q, failed %v, %v", out, failed, err)
				}
			}
		})
	}
}

// iotest reads one byte at a time.
func iotest(text string) io.Reader {
	var readers []io.Reader
	for i := range len(text) {
		readers = append(readers, strings.NewReader(text[i:i+1]))
	}
	return io.MultiReader(readers...)
}

// TestOrder: whatever the lines' sizes, the output is as one worker alone would
// write it, and all of the input is done with.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		long := rapid.Map(rapid.IntRange(1000, 70_000), func(n int) string { return strings.Repeat("x", n) })
		line := rapid.OneOf(rapid.StringMatching(`no|[a-z]{1,9}`), rapid.StringMatching(`[a-z]{20,90}`), long)
		lines := rapid.SliceOfN(line, 0, 200).Draw(t, "lines")
		var in, want strings.Builder
		var refused []int
		for i, line := range lines {
			in.WriteString(line + "\n")
			if made, err := quoted(nil, []byte(line)); err != nil {
				refused = append(refused, i+1)
			} else {
				want.WriteString(string(made) + "\n")
			}
		}
		var out strings.Builder
		var failed []int
		done := 0
		job := batch.Job{Line: quoted, Failed: func(line int, _ error) { failed = append(failed, line) }, Done: func(n int) { done += n }}
		if err := job.Run(context.Background(), strings.NewReader(in.String()), &out); err != nil {
			t.Fatal(err)
		}
		if out.String() != want.String() || fmt.Sprint(failed) != fmt.Sprint(refused) || done != in.Len() {
			t.Fatalf("%d bytes instead of %d, failed %v instead of %v, done with %d of %d", out.Len(), want.Len(), failed, refused, done, in.Len())
		}
	})
}

func TestLineTooLong(t *testing.T) {
	longest := strings.Repeat("x", batch.MaxLine)
	if out, _, _, err := run(t, strings.NewReader("a\n"+longest+"\n")); err != nil || len(out) != len("[a]\n[]\n")+batch.MaxLine {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	out, _, _, err := run(t, strings.NewReader("a\n"+longest+strings.Repeat("x", 2*batch.MaxLine)))
	if err == nil || !strings.Contains(err.Error(), "line 2 has more than 16 MiB") || out != "" && out != "[a]\n" {
		t.Errorf("%q, %v", out, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestReadAndWriteFail(t *testing.T) {
	broken := errors.New("broken")
	if _, _, _, err := run(t, io.MultiReader(strings.NewReader("a\n"), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("reading: %v", err)
	}
	job := batch.Job{Line: quoted, Failed: func(int, error) {}, Done: func(int) {}}
	if err := job.Run(t.Context(), strings.NewReader(strings.Repeat("a\n", 1000)), failing{broken}); !errors.Is(err, broken) {
		t.Errorf("writing: %v", err)
	}
}

// TestCancel: Run returns when the context ends although its input does not.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, feed := io.Pipe()
	defer feed.Close()
	job := batch.Job{
		Line: quoted, Failed: func(int, error) {},
		Done: func(int) { cancel() }, // The first line is out.
	}
	go func() { _, _ = io.WriteString(feed, "a\nb") }()
	if err := job.Run(ctx, in, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
