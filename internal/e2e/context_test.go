//go:build unix

package e2e

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/agent/agenttest"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// sealed is a delivery and what it is of.
type sealed struct {
	wire.Delivery
	claims statement.Claims
}

// crossing is two agents of one service, as programs, and all that it ever sealed
// for them: each of two secrets in each of three versions, for each agent.
type crossing struct {
	agents    []*agenttest.Agent
	addresses []string
	client    *http.Client
	all       []sealed
}

// TestCrossContext presents, over mutual TLS, the envelope of each delivery with
// the statement of each to each agent, and each statement with the signature of
// each other one. What does not belong together, or is another agent's, is refused
// and leaves nothing; what does belong is taken. Copies that are moved between the
// agents' folders, or to another name, do not open.
func TestCrossContext(t *testing.T) {
	c := newCrossing(t)
	refused := c.presentWrong(t)
	for i, a := range c.agents {
		if files := c.kept(t, a); len(files) > 0 {
			t.Errorf("after what was refused, %s has %d files", c.agents[i].Name, len(files))
		}
	}
	taken := c.presentRight(t)
	before := []map[string]string{c.kept(t, c.agents[0]), c.kept(t, c.agents[1])}
	refused += c.presentWrong(t)
	for i, a := range c.agents {
		if len(before[i]) != 2 || !maps.Equal(before[i], c.kept(t, a)) {
			t.Errorf("what was refused changed the %d files of %s", len(before[i]), a.Name)
		}
	}
	moved := c.moveAll(t)
	t.Logf("%d deliveries taken, %d combinations refused, %d moved copies not opened: %v", taken, refused, moved, !t.Failed())
}

func newCrossing(t *testing.T) *crossing {
	t.Helper()
	service, dir := agenttest.NewService(t), t.TempDir()
	writeSelfSigned(t, dir, "client", x509.ExtKeyUsageClientAuth)
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key"))
	if err != nil {
		t.Fatal(err)
	}
	c := &crossing{}
	var trusted []byte
	for _, name := range []string{"web1", "web2"} {
		folder, address := filepath.Join(dir, name), freeAddress(t)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		trusted = append(trusted, writeSelfSigned(t, folder, "tls", x509.ExtKeyUsageServerAuth)...)
		a := agenttest.New(t, folder, service, name, "age", fmt.Sprintf(
			"receive: {listen: %q, cert_file: tls.crt, key_file: tls.key, client_ca_file: ../client.crt}\n", address))
		trust, err := a.Config().Trust()
		if err != nil {
			t.Fatal(err)
		}
		c.agents, c.addresses = append(c.agents, a), append(c.addresses, address)
		for version := range int64(3) {
			for _, secret := range []string{"prod/a", "prod/b"} {
				envelope := a.Seal(fmt.Sprintf("%s %s %d", name, secret, version+1))
				claims := a.Claims(secret, version+1, envelope)
				token := service.Sign(t, claims)
				if claims, err = statement.Verify(token, trust.Service...); err != nil { // completed by the service
					t.Fatal(err)
				}
				c.all = append(c.all, sealed{wire.Delivery{Envelope: envelope, Statement: token}, claims})
			}
		}
	}
	c.client = trusting(t, trusted, certificate)
	c.shareKeys(t)
	for _, a := range c.agents {
		run(t, nil, "agent", "run", "--config", a.Path("agent.yaml")).mustReady(t)
	}
	return c
}

// shareKeys gives each agent the private keys of both, so that nothing is refused
// for the key's sake alone.
func (c *crossing) shareKeys(t *testing.T) {
	t.Helper()
	var all []byte
	for _, a := range c.agents {
		own, err := os.ReadFile(a.Path("agent.key"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, own...)
	}
	for _, a := range c.agents {
		a.Write("agent.key", string(all))
	}
}

// presentWrong presents all that must be refused, and counts it.
func (c *crossing) presentWrong(t *testing.T) (refused int) {
	t.Helper()
	for i, a := range c.agents {
		for n, of := range c.all {
			for m, other := range c.all {
				what := fmt.Sprintf("to %s: delivery %d, crossed with %d", a.Name, n, m)
				if n != m || of.claims.Agent != a.Name {
					c.refuses(t, what, i, wire.Delivery{Envelope: other.Envelope, Statement: of.Statement}, "mismatch")
					refused++
				}
				if n != m {
					c.refuses(t, what, i, wire.Delivery{Envelope: of.Envelope, Statement: withSignatureOf(of.Statement, other.Statement)}, "statement")
					refused++
				}
			}
		}
	}
	return refused
}

// withSignatureOf is a statement with the signature of another.
func withSignatureOf(token, other string) string {
	return token[:strings.LastIndexByte(token, '.')] + other[strings.LastIndexByte(other, '.'):]
}

func (c *crossing) refuses(t *testing.T, what string, to int, delivery wire.Delivery, slug string) {
	t.Helper()
	status, body := c.post(t, to, delivery)
	var problem wire.Problem
	if err := json.Unmarshal(body, &problem); err != nil || status != http.StatusForbidden || !strings.HasSuffix(problem.Type, "#"+slug) {
		t.Errorf("%s: answered %d, %s", what, status, body)
	}
}

func (c *crossing) post(t *testing.T, to int, delivery wire.Delivery) (status int, body []byte) {
	t.Helper()
	data, err := json.Marshal(delivery)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+c.addresses[to]+"/v1/deliveries", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := c.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(io.LimitReader(response.Body, 1<<20)); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

// presentRight presents each delivery to its agent, the older versions first.
func (c *crossing) presentRight(t *testing.T) (taken int) {
	t.Helper()
	for i, a := range c.agents {
		for _, of := range c.all {
			if of.claims.Agent != a.Name {
				continue
			}
			status, body := c.post(t, i, of.Delivery)
			var answer wire.Receipt
			if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
				t.Errorf("%+v: answered %d, %s", of.claims, status, body)
				continue
			}
			applied, err := receipt.Verify(answer.Receipt, a.Signing)
			if err == nil {
				err = applied.Check(of.claims)
			}
			if err != nil {
				t.Errorf("%+v: %v", of.claims, err)
			}
			taken++
		}
	}
	return taken
}

// kept are the contents of the files with an agent's copies, by name.
func (c *crossing) kept(t *testing.T, a *agenttest.Agent) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(a.Path("state/secrets"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		data, err := os.ReadFile(a.Path("state/secrets/" + entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(data)
	}
	return files
}

// moveAll puts each agent's copy of each secret into the place of every other one.
// `agent get` opens it in its own place only.
func (c *crossing) moveAll(t *testing.T) (moved int) {
	t.Helper()
	type place struct {
		agent  *agenttest.Agent
		secret string
	}
	var places []place
	var copies []string
	for _, a := range c.agents {
		for _, secret := range []string{"prod/a", "prod/b"} {
			places = append(places, place{a, secret})
			copies = append(copies, c.kept(t, a)[fileOf(secret)])
		}
	}
	for n, at := range places {
		for m, copied := range copies {
			at.agent.Write("state/secrets/"+fileOf(at.secret), copied)
			output, err := get(t, at.agent, at.secret)
			want := fmt.Sprintf("%s %s 3", at.agent.Name, at.secret)
			if n == m && (err != nil || string(output) != want) {
				t.Errorf("%s of %s: %q, %v", at.secret, at.agent.Name, output, err)
			}
			if n != m {
				moved++
				if err == nil || len(output) > 0 {
					t.Errorf("copy %d opens as %s of %s: %q", m, at.secret, at.agent.Name, output)
				}
			}
		}
		at.agent.Write("state/secrets/"+fileOf(at.secret), copies[n])
	}
	return moved
}

// fileOf is the name of the file with a secret's copy.
func fileOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:]) + ".json"
}

// get runs `agent get`.
func get(t *testing.T, a *agenttest.Agent, secret string) (output []byte, err error) {
	t.Helper()
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(program, "agent", "get", secret, "--config", a.Path("agent.yaml")).Output()
}
