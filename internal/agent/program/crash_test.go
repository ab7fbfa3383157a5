package program_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/internal/agent/agenttest"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/program"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// crashVariable names the folder of the agent that the test's own program is, when
// it is started again.
const crashVariable = "SEALRELAY_TEST_CRASH_AGENT"

// crashReady is what the agent prints once it takes deliveries.
const crashReady = "ready"

// crashChild is an agent that takes deliveries from standard input, several at
// once, and prints the receipts, until it is killed.
func crashChild(dir string) {
	c, err := config.Load(filepath.Join(dir, "agent.yaml"))
	if err != nil {
		panic(err)
	}
	running, err := program.New(c, zerolog.Nop())
	if err != nil {
		panic(err)
	}
	go func() { _ = running.Run(context.Background()) }()
	_, _ = io.WriteString(os.Stdout, crashReady+"\n")
	var printing sync.Mutex
	input := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var delivery wire.Delivery
		if err := input.Decode(&delivery); err != nil {
			return
		}
		go func() {
			token, err := running.Accept(context.Background(), delivery)
			if err != nil {
				token = "error: " + err.Error()
			}
			printing.Lock()
			defer printing.Unlock()
			_, _ = io.WriteString(os.Stdout, token+"\n")
		}()
	}
}

const (
	crashRounds  = 200
	crashSecrets = 4
	canary       = "canary-8c1f-tiger"
)

// TestCrash kills the agent at random points under load. Every version that it
// gave a receipt for is there after it, or a newer one; none goes back; each
// version has one receipt only, whoever asks again; every copy opens; and no value
// is ever on the disk.
func TestCrash(t *testing.T) {
	rounds := crashRounds
	if testing.Short() {
		rounds = 20
	}
	a := agenttest.New(t, t.TempDir(), agenttest.NewService(t), "web", "age", "actions: [{secrets: [\"**\"], touch: touched, debounce: 1ms}]\n")
	// The first agent may be killed before it has made its folder.
	if err := os.Mkdir(filepath.Join(a.Dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	w := &crashWorld{t: t, a: a, receipts: map[string]string{}, sent: map[string]wire.Delivery{}}
	receipts := 0
	for range rounds {
		receipts += w.round()
		w.check()
	}
	t.Logf("%d kills, %d receipts, %d versions", rounds, receipts, len(w.receipts))
	if receipts < rounds {
		t.Errorf("only %d receipts in %d rounds: the agent was killed before it did anything", receipts, rounds)
	}
	for secret := range crashSecrets {
		if w.versions[secret] == 0 {
			t.Errorf("secret %d never got a version", secret)
		}
	}
}

// crashWorld is what the sender knows.
type crashWorld struct {
	t        *testing.T
	a        *agenttest.Agent
	versions [crashSecrets]int64
	// acknowledged are the newest versions with a receipt.
	acknowledged [crashSecrets]int64
	// receipts are those given, by secret and version.
	receipts map[string]string
	sent     map[string]wire.Delivery
}

// round sends deliveries to a new agent, new and old ones, kills it at some point,
// and returns how many receipts came.
func (w *crashWorld) round() int {
	w.t.Helper()
	program, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	child := exec.Command(program)
	child.Env = append(os.Environ(), crashVariable+"="+w.a.Dir)
	input, _ := child.StdinPipe()
	output, _ := child.StdoutPipe()
	var stderr bytes.Buffer
	child.Stderr = &stderr
	if err := child.Start(); err != nil {
		w.t.Fatal(err)
	}
	killed := make(chan struct{})
	// The moment is random beside what the agent does: a while after its start in
	// some rounds, a while after one of its first receipts in most.
	kill := sync.OnceFunc(func() {
		time.AfterFunc(time.Duration(rand.IntN(20))*time.Millisecond, func() {
			_ = child.Process.Kill()
			close(killed)
		})
	})
	after := rand.IntN(8)
	if rand.IntN(8) == 0 {
		kill()
	}
	var sending sync.WaitGroup
	deliveries := w.deliveries()
	sending.Go(func() {
		to := json.NewEncoder(input)
		for _, delivery := range deliveries {
			if to.Encode(delivery) != nil {
				return
			}
		}
	})
	count := 0
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if lines.Text() != crashReady {
			w.receipt(lines.Text())
			count++
		}
		if count >= after {
			kill()
		}
	}
	kill() // of an agent that ended by itself
	<-killed
	sending.Wait()
	_ = child.Wait()
	if text := stderr.String(); strings.Contains(text, "panic") {
		w.t.Fatal(text)
	}
	return count
}

func (w *crashWorld) deliveries() (deliveries []wire.Delivery) {
	for range 40 {
		secret := rand.IntN(crashSecrets)
		version := w.versions[secret] + 1
		if version > 1 && rand.IntN(3) == 0 {
			version = 1 + rand.Int64N(version-1) // An old one again.
		}
		name := fmt.Sprintf("prod/s%d", secret)
		key := fmt.Sprintf("%s#%d", name, version)
		delivery, known := w.sent[key]
		if !known {
			delivery = w.a.Set(name, version, fmt.Sprintf("%s %s", canary, key))
			w.sent[key] = delivery
			w.versions[secret] = version
		}
		deliveries = append(deliveries, delivery)
	}
	return deliveries
}

// receipt takes a line of the agent, of which the last may be cut off.
func (w *crashWorld) receipt(line string) {
	if strings.HasPrefix(line, "error: ") {
		w.t.Error(line)
		return
	}
	claims, err := receipt.Verify(line, w.a.Signing)
	if err != nil {
		return
	}
	key := fmt.Sprintf("%s#%d", claims.Secret, claims.Version)
	if before, given := w.receipts[key]; given && before != line {
		w.t.Errorf("%s has two receipts: it was applied twice", key)
	}
	w.receipts[key] = line
	var secret int
	if _, err := fmt.Sscanf(claims.Secret, "prod/s%d", &secret); err != nil {
		w.t.Fatal(err)
	}
	w.acknowledged[secret] = max(w.acknowledged[secret], claims.Version)
}

// check looks at the folder that the killed agent left.
func (w *crashWorld) check() {
	w.t.Helper()
	for secret := range crashSecrets {
		name := fmt.Sprintf("prod/s%d", secret)
		text, err := value(w.t, w.a, name)
		if err != nil {
			if w.acknowledged[secret] > 0 {
				w.t.Errorf("%s had a receipt and does not open: %v", name, err)
			}
			continue
		}
		var version int64
		if _, err := fmt.Sscanf(text, canary+" "+name+"#%d", &version); err != nil || version < w.acknowledged[secret] {
			w.t.Errorf("%s is at version %d, the receipt was for %d: %v", name, version, w.acknowledged[secret], err)
		}
	}
	w.noValues()
}

// noValues searches all of the agent's folder.
func (w *crashWorld) noValues() {
	w.t.Helper()
	err := filepath.WalkDir(w.a.Dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(canary)) {
			w.t.Errorf("%s has a value", path)
		}
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
}
