//go:build unix

package action_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/sealrelay/sealrelay/crypto/receipt"
)

func TestSignal(t *testing.T) {
	w := newWorld(t, t.TempDir(), `  - {secrets: ["*"], signal: {pid_file: pid, name: USR1}, debounce: 1ms}`, nil)
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGUSR1)
	defer signal.Stop(caught)
	w.Write("pid", fmt.Sprintf("%d\n", os.Getpid()))
	if got := w.trigger(changed("a")); got.Action != receipt.Done {
		t.Errorf("got %+v", got)
	}
	<-caught
	for _, text := range []string{"", "0", "1", "-5", "x", "99999999999"} {
		w.Write("pid", text)
		if got := w.trigger(changed("a")); got.Action != receipt.Failed || !strings.Contains(got.Detail, "has no number of a process") {
			t.Errorf("%q: got %+v", text, got)
		}
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	w.Write("pid", fmt.Sprint(ended.Process.Pid))
	if got := w.trigger(changed("a")); got.Action != receipt.Failed || !strings.Contains(got.Detail, "signal: process of") {
		t.Errorf("got %+v", got)
	}
	if err := os.Remove(w.Path("pid")); err != nil {
		t.Fatal(err)
	}
	if got := w.trigger(changed("a")); got.Action != receipt.Failed {
		t.Errorf("got %+v", got)
	}
}
