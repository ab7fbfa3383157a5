package stepca_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestStepCA builds step-ca and runs the program's tests with it. The first time that
// takes some minutes.
func TestStepCA(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the program's tests are for Linux")
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "step-ca"), "github.com/smallstep/certificates/cmd/step-ca")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // Without smart cards, which need C.
	if output, err := build.CombinedOutput(); err != nil {
		t.Skipf("step-ca cannot be built here: %v\n%s", err, output)
	}
	for run, passed := range map[string]string{
		"./cmd/sealrelay ^TestScripts$/^stepca$":      "--- PASS: TestScripts/stepca ",
		"./cmd/sealrelay ^TestScripts$/^stepca_jobs$": "--- PASS: TestScripts/stepca_jobs ",
		"./internal/jobs/kinds ^TestRealStepCA$":      "--- PASS: TestRealStepCA ",
	} {
		folder, name, _ := strings.Cut(run, " ")
		test := exec.Command("go", "test", "-count=1", "-v", "-run", name, folder)
		test.Dir = filepath.Join("..", "..")
		test.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		output, err := test.CombinedOutput()
		if err != nil || !bytes.Contains(output, []byte(passed)) {
			t.Errorf("%s: error %v\n%s", folder, err, output)
		}
	}
}
