//go:build unix

package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/statement"
)

// The action of an agent is this test's own program with TestRecorder, and these
// variables in the agent's environment would be the same for all; so the action is
// `env` with them.
const (
	recordSecret = "SEALRELAY_TEST_RECORD_SECRET"
	recordDir    = "SEALRELAY_TEST_RECORD_DIR"
)

// recording is an agent's action for each secret: the envelopes are laid out, and
// a command writes down which version it finds there.
func recording(dir string) string {
	actions := "actions:\n"
	for i := range siteSecrets {
		actions += fmt.Sprintf("  - {secrets: [%q], lay_out: {dir: laid}, debounce: 1ms, run: [env, %q, %q, %q, '-test.run=^TestRecorder$']}\n",
			siteSecret(i), recordSecret+"="+siteSecret(i), recordDir+"="+dir, os.Args[0])
	}
	return actions
}

// TestRecorder is no test: it is the command of an agent's action.
func TestRecorder(t *testing.T) {
	secret, dir := os.Getenv(recordSecret), os.Getenv(recordDir)
	if secret == "" {
		t.Skip("it is the command of an agent's action in TestKillBoth")
	}
	if err := record(dir, secret); err != nil {
		t.Fatal(err)
	}
}

// record adds the version that is laid out to the actions' log. Nobody else reads
// and adds meanwhile: the command of a killed agent may still run beside the next.
func record(dir, secret string) (err error) {
	file, err := os.OpenFile(filepath.Join(dir, "actions.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	version, err := laidOut(dir, secret)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%s %d\n", secret, version)
	return err
}

// laidOut is the version whose statement is there.
func laidOut(dir, secret string) (int64, error) {
	found, err := filepath.Glob(filepath.Join(dir, "laid", secret+".*.jws"))
	if err != nil || len(found) != 1 {
		return 0, fmt.Errorf("%d statements of %s are laid out: %w", len(found), secret, err)
	}
	token, err := os.ReadFile(found[0])
	if err != nil {
		return 0, err
	}
	public, err := os.ReadFile(filepath.Join(dir, "..", "service", "service.pub"))
	if err != nil {
		return 0, err
	}
	key, err := keys.ParseVerifying(public)
	if err != nil {
		return 0, err
	}
	claims, err := statement.Verify(string(bytes.TrimSpace(token)), key)
	if err == nil && claims.Secret != secret {
		err = fmt.Errorf("the statement is of %s", claims.Secret)
	}
	return claims.Version, err
}

// recorded are the versions of each secret in the actions' log, in its order.
func (a *siteAgent) recorded(t *testing.T) map[string][]int64 {
	t.Helper()
	file, err := os.Open(filepath.Join(a.dir, "actions.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	versions := map[string][]int64{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var secret string
		var version int64
		if _, err := fmt.Sscanf(lines.Text(), "%s %d", &secret, &version); err != nil {
			t.Fatalf("the actions' log has %q: %v", lines.Text(), err)
		}
		versions[secret] = append(versions[secret], version)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return versions
}
