package cli

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress(t *testing.T) {
	for name, test := range map[string]struct {
		terminal bool
		total    int
		want     string
	}{
		"a bar":         {true, 50, "\r\x1b[K[========                                ] 10 of 50 entries read"},
		"a number":      {true, 0, "\r\x1b[K10 entries read"},
		"lines":         {false, 0, "sealrelay: 10 entries read\n"},
		"lines of many": {false, 50, "sealrelay: 10 of 50 entries read\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var stderr bytes.Buffer
				p := newProgress(&stderr, test.terminal, "entries read", func() (done, total int) { return 10, test.total })
				<-time.After(25 * time.Second)
				p.Close()
				told := strings.TrimSuffix(stderr.String(), "\r\x1b[K")
				times := strings.Count(told, test.want)
				if told != strings.Repeat(test.want, times) {
					t.Errorf("told %q", told)
				}
				if wanted := map[bool]int{true: 249, false: 2}[test.terminal]; times < wanted || times > wanted+1 {
					t.Errorf("told %d times in 25 seconds, want %d", times, wanted)
				}
			})
		})
	}
}

// A command that is done at once tells nothing.
func TestProgressOfLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stderr bytes.Buffer
		newProgress(&stderr, false, "entries read", nil).Close()
		if stderr.Len() > 0 {
			t.Errorf("told %q", stderr.String())
		}
	})
}

func TestBar(t *testing.T) {
	for part, full := range map[float64]int{-1: 0, 0: 0, 0.5: barWidth / 2, 1: barWidth, 2: barWidth} {
		if bar := Bar(part); strings.Count(bar, "=") != full || len(bar) != barWidth+2 {
			t.Errorf("%v is %q", part, bar)
		}
	}
}
