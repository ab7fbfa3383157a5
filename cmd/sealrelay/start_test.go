package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What the packages of the program may allocate before main, in bytes: one of
// ours, and all together. An expression compiled or a table filled there is paid
// for by every command of a shell script.
const (
	initOfOurs = 8 << 10
	initOfAll  = 350 << 10
)

// TestStart: little is initialised on the way to the shortest command.
func TestStart(t *testing.T) {
	version := exec.CommandContext(t.Context(), filepath.Join(programDir(t), "sealrelay"), "version")
	version.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace bytes.Buffer
	version.Stderr = &trace
	if err := version.Run(); err != nil {
		t.Fatal(err)
	}
	total, ours := 0, 0
	for _, line := range regexp.MustCompile(`(?m)^init (\S+) .* (\d+) bytes`).FindAllStringSubmatch(trace.String(), -1) {
		allocated, err := strconv.Atoi(line[2])
		if err != nil {
			t.Fatal(err)
		}
		total += allocated
		if strings.HasPrefix(line[1], "github.com/sealrelay/") {
			ours++
			if allocated > initOfOurs {
				t.Errorf("%s initialises %d bytes; do it when it is needed", line[1], allocated)
			}
		}
		if strings.Contains(line[1], "prometheus") {
			t.Errorf("%s is in the program; internal/metrics takes its place", line[1])
		}
	}
	if total > initOfAll {
		t.Errorf("%d bytes are initialised:\n%s", total, trace.String())
	}
	if ours == 0 {
		t.Fatalf("the trace does not show what is initialised:\n%s", trace.String())
	}
}
