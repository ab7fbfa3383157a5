package client

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/wire"
)

// FuzzReadRun: what is taken for a run has all that one needs; what is refused is not
// repeated, but for its ID.
func FuzzReadRun(f *testing.F) {
	for _, answer := range []string{
		`{"run":null}`, `{"run":{"id":"r","fence":1,"job":"j","kind":"k","settings":{"a":"CANARY"},"timeout_seconds":900}}`,
		`{"run":{"id":"r","fence":1,"job":"CANARY","kind":"k","settings":[],"timeout_seconds":900}}`, `{"run":{"id":"r","fence":-1}}`,
		`{"run":{"id":"r","fence":1,"job":"j","kind":"k","settings":{},"timeout_seconds":9223372036854775807}}`, `{"run":{"settings":null}}`,
	} {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		var claimed wire.Claimed
		if json.Unmarshal(answer, &claimed) != nil || claimed.Run == nil {
			return
		}
		run, err := readRun(*claimed.Run)
		if err != nil {
			if run != nil || strings.Contains(err.Error(), "CANARY") && !strings.Contains(claimed.Run.ID, "CANARY") {
				t.Errorf("refused with %v, and yet %+v", err, run)
			}
			return
		}
		if run.ID == "" || run.Job == "" || run.Kind == "" || run.Fence < 0 || run.Timeout < time.Second || run.Timeout > longestRun || !json.Valid(run.Settings) || run.Settings[0] != '{' {
			t.Errorf("taken: %+v", run)
		}
	})
}
