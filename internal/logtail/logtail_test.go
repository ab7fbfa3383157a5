package logtail_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/logtail"
)

func kept(t *testing.T, tail *logtail.Tail) string {
	t.Helper()
	var out bytes.Buffer
	if err := tail.Lines(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTail(t *testing.T) {
	for name, tc := range map[string]struct {
		writes []string
		want   string
	}{
		"nothing":             {nil, ""},
		"all":                 {[]string{"a\n", "b\n"}, "a\nb\n"},
		"just all":            {[]string{"0123456\n", "9\n"}, "0123456\n9\n"},
		"the oldest is gone":  {[]string{"0123456\n", "9\n", "x\n"}, "9\nx\n"},
		"at the edge":         {[]string{"1234\n", "1234\n", "1234\n"}, "1234\n"},
		"many times over":     {[]string{strings.Repeat("ab\n", 33)}, "ab\nab\nab\n"},
		"a long line":         {[]string{"a\n", "0123456789abcdef\n"}, ""},
		"after a long line":   {[]string{"0123456789abcdef\n", "b\n"}, "b\n"},
		"a line is not whole": {[]string{"a\n", "b"}, "a\n"},
	} {
		t.Run(name, func(t *testing.T) {
			tail := logtail.New(10)
			for _, write := range tc.writes {
				if n, err := tail.Write([]byte(write)); n != len(write) || err != nil {
					t.Errorf("wrote %d, %v", n, err)
				}
			}
			if got := kept(t, tail); got != tc.want {
				t.Errorf("kept %q, want %q", got, tc.want)
			}
		})
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestTailFails(t *testing.T) {
	tail := logtail.New(10)
	_, _ = tail.Write([]byte("a\n"))
	if err := tail.Lines(broken{}); err == nil {
		t.Error("nothing is told of a writer that fails")
	}
}

// TestTailTogether: what a logger writes while somebody reads is there in whole lines.
func TestTailTogether(t *testing.T) {
	tail := logtail.New(4 << 10)
	log := zerolog.New(tail)
	var together sync.WaitGroup
	for w := range 4 {
		together.Go(func() {
			for i := range 500 {
				log.Info().Int("writer", w).Int("line", i).Msg("m")
			}
		})
	}
	together.Go(func() {
		for range 100 {
			for line := range strings.Lines(kept(t, tail)) {
				if !strings.HasPrefix(line, `{"level":"info","writer":`) || !strings.HasSuffix(line, "\"message\":\"m\"}\n") {
					t.Errorf("a line is %q", line)
				}
			}
		}
	})
	together.Wait()
	if size := len(kept(t, tail)); size > 4<<10 || size < 4<<10-100 {
		t.Errorf("%d bytes are kept", size)
	}
}

// FuzzTail: what is kept are the last whole lines of all that was written.
func FuzzTail(f *testing.F) {
	f.Add("a\nb\n", uint8(1), uint8(4))
	f.Add(strings.Repeat("line\n", 10), uint8(3), uint8(16))
	f.Add("no line", uint8(2), uint8(3))
	f.Add("\n\n\n", uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, text string, step, size uint8) {
		if step == 0 || size == 0 {
			return
		}
		tail := logtail.New(int(size))
		for rest := text; rest != ""; {
			n := min(int(step), len(rest))
			fmt.Fprint(tail, rest[:n])
			rest = rest[n:]
		}
		want := text
		if len(want) > int(size) {
			_, want, _ = strings.Cut(want[len(want)-int(size):], "\n")
		}
		want = want[:strings.LastIndexByte(want, '\n')+1]
		if got := kept(t, tail); got != want {
			t.Errorf("%q in steps of %d, %d bytes: kept %q, want %q", text, step, size, got, want)
		}
	})
}
