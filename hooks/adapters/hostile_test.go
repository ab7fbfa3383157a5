package adapters_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/hooks"
)

// hostile are bodies that no sender sends: each is of the error's class for
// every adapter of JSON, whatever its settings.
var hostile = map[string]string{
	"empty":            "",
	"not JSON":         "hunter2",
	"a form":           "event=UPDATE&secret=hunter2",
	"same name twice":  `{"data":"hunter2","data":"x"}`,
	"same name inside": `[{"data":{"a":"hunter2","\u0061":"x"}}]`,
	"deep arrays":      strings.Repeat("[", 100_000),
	"deep objects":     strings.Repeat(`{"data":`, 100_000),
	"invalid UTF-8":    "{\"data\":\"hunter2\xff\"}",
	"lone surrogate":   `{"data":"hunter2\ud800"}`,
	"gzip":             "\x1f\x8b\x08\x00\x00\x00\x00\x00",
	"two documents":    `{"data":"hunter2"}{}`,
	"no objects":       `["hunter2"]`,
	"too many events":  "[" + strings.Repeat("{},", hooks.MaxEvents) + "{}]",
}

func TestHostileBodies(t *testing.T) {
	for _, s := range samples {
		if !s.isJSON() {
			continue
		}
		adapter := s.new(t)
		for name, body := range hostile {
			t.Run(s.adapter+"/"+name, func(t *testing.T) {
				event, err := one(adapter.Read(s.request(t, body), hooks.Verified{}))
				checkClass(t, event, err)
				if strings.Contains(err.Error(), "hunter2") {
					t.Errorf("error repeats what was sent: %v", err)
				}
			})
		}
		t.Run(s.adapter+"/Content-Encoding", func(t *testing.T) {
			r := s.request(t, s.padded())
			r.Header.Set("Content-Encoding", "gzip")
			if _, err := adapter.Read(r, hooks.Verified{}); !errors.Is(err, hooks.ErrMediaType) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// largest is the largest body that a source can allow.
const largest = 16 << 20

// TestMemoryIsBounded: the largest bodies cost memory in proportion, of which
// the names of an object with nothing but members are the most.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads bodies of 16 MiB")
	}
	bodies := map[string]string{
		"number": `{"data":` + strings.Repeat("9", largest-9) + "}",
		"string": `{"data":"` + strings.Repeat("x", largest-11) + `"}`,
		"array":  "[" + strings.Repeat("{},", largest/3-2) + "{}]",
		"inner":  `{"data":[` + strings.Repeat("0,", largest/2-10) + "0]}",
	}
	var members strings.Builder
	for i := 0; members.Len() < largest-100; i++ {
		fmt.Fprintf(&members, `,"%x":0`, i)
	}
	bodies["members"] = "{" + members.String()[1:] + "}"
	for _, s := range samples {
		if !s.isJSON() || s.adapter == "push" || s.adapter == "json" {
			continue // both read a body as eso-push does
		}
		adapter := s.new(t)
		for name, body := range bodies {
			t.Run(s.adapter+"/"+name, func(t *testing.T) {
				r := s.request(t, body)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				message, err := adapter.Read(r, hooks.Verified{})
				runtime.ReadMemStats(&after)
				message.Wipe()
				if err == nil && len(message.Events) > 0 {
					t.Error("the body is accepted")
				}
				if took := (after.TotalAlloc - before.TotalAlloc) / largest; took > 12 {
					t.Errorf("a body of 16 MiB takes %d times as much", took)
				} else {
					t.Logf("a body of 16 MiB takes %d MiB", (after.TotalAlloc-before.TotalAlloc)>>20)
				}
			})
		}
	}
}
