//go:build unix

package e2e

import (
	"crypto/ed25519"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/hooks/verify"
	agentconfig "github.com/sealrelay/sealrelay/internal/agent/config"
)

// siteSecrets is how many secrets a site rotates.
const siteSecrets = 5

// site is a service and its two agents, one that is pushed to and one that
// fetches: a folder for each, with the keys and certificates that it needs.
type site struct {
	dir    string
	listen string
	secret *verify.Secret
	client *http.Client
	agents []*siteAgent
}

type siteAgent struct {
	name, dir string
	// signing verifies its receipts, service the statements that it takes.
	signing, service ed25519.PublicKey
}

func siteSecret(i int) string { return fmt.Sprintf("prod/s%d", i) }

const siteConfiguration = `issuer: e2e
data_dir: data
signing_key_file: service.key
server: {listen: "%[1]s", cert_file: server.crt, key_file: server.key, shutdown_timeout: 10s}
admin: {listen: "127.0.0.1:0"}
log: {level: debug}
delivery: {workers: 4, timeout: 3s, retry_first: 50ms, retry_max: 500ms}
sources:
  manager:
    verify: {standard-webhooks: {secret_files: [hook.secret]}}
    adapter: {push: {}}
    may_write: ["prod/**"]
    rate_per_second: 100000
    rate_burst: 100000
agents:
  pushed:
    keys: {main: {file: ../pushed/agent.pub}}
    signing_key_files: [../pushed/signing.pub]
    destinations:
      way:
        https:
          url: https://%[2]s/v1/deliveries
          ca_file: ../pushed/tls.crt
          cert_file: client.crt
          key_file: client.key
          allow: [127.0.0.1/32]
  fetching:
    keys: {main: {file: ../fetching/agent.pub}}
    signing_key_files: [../fetching/signing.pub]
    destinations: {way: {mailbox: {}}}
routes:
  - {secrets: ["prod/**"], agents: [pushed, fetching]}
`

// newSite writes it all. actions is added to each agent's configuration.
func newSite(t *testing.T, actions func(dir string) string) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), listen: freeAddress(t), secret: verify.NewSecret()}
	service := filepath.Join(s.dir, "service")
	for _, name := range []string{"service", "pushed", "fetching"} {
		if err := os.Mkdir(filepath.Join(s.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	public := writeKey(t, service, "service", "ed25519")
	s.client = trusting(t, writeSelfSigned(t, service, "server", x509.ExtKeyUsageServerAuth))
	writeSelfSigned(t, service, "client", x509.ExtKeyUsageClientAuth)
	text, err := s.secret.Text()
	if err != nil {
		t.Fatal(err)
	}
	_ = text.Expose(func(secret []byte) error { write(t, filepath.Join(service, "hook.secret"), secret); return nil })
	push := freeAddress(t)
	write(t, filepath.Join(service, "sealrelay.yaml"), fmt.Appendf(nil, siteConfiguration, s.listen, push))
	s.addAgent(t, public, "pushed", "age", fmt.Sprintf(
		"receive: {listen: %q, cert_file: tls.crt, key_file: tls.key, client_ca_file: ../service/client.crt}\n", push), actions)
	s.addAgent(t, public, "fetching", "ec-p256", fmt.Sprintf(
		"mailbox: {url: %q, ca_file: ../service/server.crt}\n", "https://"+s.listen), actions)
	return s
}

func (s *site) addAgent(t *testing.T, service, name, kind, way string, actions func(dir string) string) {
	t.Helper()
	a := &siteAgent{name: name, dir: filepath.Join(s.dir, name)}
	writeKey(t, a.dir, "agent", kind)
	var err error
	if a.signing, err = keys.ParseVerifying([]byte(writeKey(t, a.dir, "signing", "ed25519"))); err != nil {
		t.Fatal(err)
	}
	if a.service, err = keys.ParseVerifying([]byte(service)); err != nil {
		t.Fatal(err)
	}
	writeSelfSigned(t, a.dir, "tls", x509.ExtKeyUsageServerAuth)
	write(t, filepath.Join(a.dir, "agent.yaml"), []byte("name: "+name+`
identities: [{file: agent.key}]
signing_key_file: signing.key
service_key_files: [../service/service.pub]
log: {level: debug}
`+way+actions(a.dir)))
	s.agents = append(s.agents, a)
}

// writeKey writes NAME.key and NAME.pub, and returns the latter.
func writeKey(t *testing.T, dir, name, kind string) (public string) {
	t.Helper()
	private, public, err := keys.Generate(kind)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, name+".key"), private)
	write(t, filepath.Join(dir, name+".pub"), []byte(public+"\n"))
	return public
}

// freeAddress is an address on loopback that stays free for a process that is
// started again and again: the system gives none below 32768 to connections.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(15_000+rand.IntN(17_000)))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatal("no port is free")
	return ""
}

func (s *site) serve(t *testing.T, told func(logLine)) *process {
	t.Helper()
	return run(t, told, "serve", "--config", filepath.Join(s.dir, "service", "sealrelay.yaml"))
}

func (a *siteAgent) run(t *testing.T, told func(logLine)) *process {
	t.Helper()
	return run(t, told, "agent", "run", "--config", filepath.Join(a.dir, "agent.yaml"))
}

func (a *siteAgent) config(t *testing.T) *agentconfig.Config {
	t.Helper()
	c, err := agentconfig.Load(filepath.Join(a.dir, "agent.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
