package js7joc_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/agentkeys/stores"
	storejoc "github.com/sealrelay/sealrelay/agentkeys/stores/js7joc"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/js7joc"
	"github.com/sealrelay/sealrelay/internal/js7joc/joctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is the account's password: no error has it.
const canary = "c4nary:p4ssword"

// site is a JOC Cockpit, and the folder of a configuration.
type site struct {
	*joctest.Server
	dir string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{joctest.New("relay", canary, "c1"), t.TempDir()}
	t.Cleanup(s.Close)
	s.write(t, "ca.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	s.write(t, "password", []byte(canary+"\n"))
	return s
}

func (s *site) write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) open(t *testing.T, change func(*storejoc.Config)) *storejoc.Store {
	t.Helper()
	config := storejoc.Config{
		Access: js7joc.Access{URL: s.URL, CAFile: "ca.crt", User: "relay", PasswordFile: "password"},
		Folder: "/sealrelay", PrivateKeyPath: "/keys/agent.key", Comment: "by sealrelay",
	}
	if change != nil {
		change(&config)
	}
	store, err := storejoc.New(config, s.path)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// certificate is a certificate with its authority's, without the private key.
func certificate(t *testing.T, name string) stores.Addition {
	t.Helper()
	return stores.Addition{Certificates: storetest.NewPair(t, "ec-p256", name).Certificates}
}

// TestLifeOfACertificate: added, assigned, renewed, taken as an agent's key, removed.
func TestLifeOfACertificate(t *testing.T) {
	s := newSite(t)
	store := s.open(t, nil)
	first := certificate(t, "web")
	first.Alias, first.Tags = "web", map[string]string{"agents": "agent-2, agent-1"}
	first.DryRun = true
	outcome, err := store.Add(t.Context(), first)
	if err != nil || outcome.Did != stores.DidAdd || s.Exists("/sealrelay/web") || !strings.Contains(strings.Join(outcome.Notes, " "), "makes the Job Resource /sealrelay/web") {
		t.Fatalf("a dry run: %+v, %v", outcome, err)
	}
	first.DryRun = false
	if outcome, err = store.Add(t.Context(), first); err != nil || outcome.Did != stores.DidAdd {
		t.Fatal(outcome, err)
	}
	if outcome, err = store.Add(t.Context(), first); err != nil || outcome.Did != stores.DidNothing {
		t.Errorf("again: %+v, %v", outcome, err)
	}
	text, agents, _ := s.Encipherment("web")
	if strings.Count(text, "BEGIN") != 1 || !slices.Equal(agents, []string{"agent-1", "agent-2"}) || !s.Exists("/sealrelay/web") {
		t.Errorf("it has %q for %v", text, agents)
	}
	entry, err := store.Lookup(t.Context(), "agent:agent-1")
	if err != nil || entry.Alias != "web" || entry.Key.Certificate.Subject.CommonName != "web" {
		t.Fatalf("the agent's: %+v, %v", entry, err)
	}

	renewed := certificate(t, "web")
	renewed.Alias, renewed.KeepTags, renewed.Tags = "web", true, map[string]string{"agents": "agent-3"}
	if _, err := store.Add(t.Context(), renewed); !errors.Is(err, stores.ErrExists) {
		t.Errorf("without overwriting: %v", err)
	}
	renewed.Overwrite = true
	if outcome, err = store.Add(t.Context(), renewed); err != nil || outcome.Did != stores.DidReplace {
		t.Fatal(outcome, err)
	}
	after, err := store.Lookup(t.Context(), "agent:agent-1")
	if err != nil || after.Key.ID() == entry.Key.ID() || after.Tags["agents"] != "agent-1,agent-2,agent-3" {
		t.Errorf("renewed: %+v, %v", after, err)
	}
	renewed.KeepTags = false
	if _, err = store.Add(t.Context(), renewed); err != nil {
		t.Fatal(err)
	}
	if _, agents, _ := s.Encipherment("web"); !slices.Equal(agents, []string{"agent-3"}) {
		t.Errorf("assigned to %v", agents)
	}

	if outcome, err = store.Remove(t.Context(), stores.Removal{Alias: "web", DryRun: true}); err != nil || len(storetest.All(t, store)) != 1 {
		t.Errorf("a dry run: %+v, %v", outcome, err)
	}
	if outcome, err = store.Remove(t.Context(), stores.Removal{Alias: "web"}); err != nil || len(outcome.Notes) != 1 || len(storetest.All(t, store)) != 0 {
		t.Errorf("removed: %+v, %v", outcome, err)
	}
	if _, err = store.Remove(t.Context(), stores.Removal{Alias: "web"}); !errors.Is(err, stores.ErrNotFound) {
		t.Errorf("removed again: %v", err)
	}
	if s.Sessions() != 0 {
		t.Errorf("%d sessions are left", s.Sessions())
	}
}

// TestInventory: whose certificate is which agent's is told though the server's filter
// does not work, and what is no certificate is told too.
func TestInventory(t *testing.T) {
	s := newSite(t)
	secp, err := keys.New("ec-secp256k1", keys.NewOptions{})
	if err != nil {
		t.Fatal(err)
	}
	own, err := keys.SelfSigned(secp.Keys[0], "batch", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	s.PutCertificate("web", string(certificate(t, "web").Certificates), "agent-1", "agent-2")
	s.PutCertificate("batch", string(own), "agent-3")
	s.PutCertificate("old", string(certificate(t, "old").Certificates))
	s.PutCertificate("damaged", "nonsense", "agent-4")
	s.PutCertificate("second", string(certificate(t, "second").Certificates), "agent-2")
	store := s.open(t, nil)
	got := storetest.All(t, store)
	if len(got) != 5 || !errors.Is(got["damaged"].Problem, stores.ErrUnreadable) || got["old"].Tags != nil || got["web"].Tags["agents"] != "agent-1,agent-2" {
		t.Errorf("it has %+v", got)
	}
	entry, err := store.Lookup(t.Context(), "agent:agent-3")
	if err != nil || entry.Key.Kind() != "EC secp256k1" {
		t.Fatalf("agent-3: %+v, %v", entry, err)
	}
	if key, err := agentkeys.FromPublic(entry.Key, agentkeys.Requirements{}); err != nil || key.Format.Name != "js7" || key.Check(time.Now()) != nil {
		t.Errorf("as a key: %+v, %v", key, err)
	}
	for alias, class := range map[string]error{"agent:agent-2": stores.ErrInvalid, "agent:agent-9": stores.ErrNotFound, "none": stores.ErrNotFound, "damaged": stores.ErrUnreadable} {
		if _, err := store.Lookup(t.Context(), alias); !errors.Is(err, class) {
			t.Errorf("%s: %v", alias, err)
		}
	}
}

// TestJobResourceOfThatName: the JOC Cockpit overwrites and moves it, so that this is
// done only when it was asked for, and said.
func TestJobResourceOfThatName(t *testing.T) {
	s := newSite(t)
	s.Put("/production/web", `{"TYPE":"JobResource","arguments":{"host":"\"db\""}}`)
	store := s.open(t, nil)
	addition := certificate(t, "web")
	addition.Alias = "web"
	if _, err := store.Add(t.Context(), addition); !errors.Is(err, stores.ErrExists) || !strings.Contains(err.Error(), "/production/web") {
		t.Errorf("error %v", err)
	}
	if !s.Exists("/production/web") || len(storetest.All(t, store)) != 0 {
		t.Error("it was moved")
	}
	addition.Overwrite = true
	outcome, err := store.Add(t.Context(), addition)
	if err != nil || !strings.Contains(strings.Join(outcome.Notes, " "), "moves it to /sealrelay/web") {
		t.Errorf("%+v, %v", outcome, err)
	}
	if s.Exists("/production/web") || !s.Exists("/sealrelay/web") || !strings.Contains(s.Configuration("/sealrelay/web"), `"host"`) {
		t.Error("the stand-in does not do what the JOC Cockpit does")
	}
}

func TestRefused(t *testing.T) {
	s := newSite(t)
	store, pair := s.open(t, nil), storetest.NewPair(t, "ec-p256", "web")
	for name, addition := range map[string]stores.Addition{
		"a private key":  pair.Addition("web"),
		"another tag":    {Alias: "web", Certificates: pair.Certificates, Tags: map[string]string{"team": "x"}},
		"no alias":       {Certificates: pair.Certificates},
		"a bad alias":    {Alias: "a/b", Certificates: pair.Certificates},
		"no certificate": {Alias: "web", Certificates: []byte("x")},
	} {
		if _, err := store.Add(t.Context(), addition); !errors.Is(err, stores.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	addition := stores.Addition{Alias: "web", Certificates: pair.Certificates}
	if _, err := s.open(t, func(c *storejoc.Config) { c.Folder = "" }).Add(t.Context(), addition); !errors.Is(err, stores.ErrInvalid) {
		t.Errorf("without a folder: %v", err)
	}
	for name, change := range map[string]func(*joctest.Knobs){
		"no permission": func(k *joctest.Knobs) { k.NoCertificates = true },
		"reading only":  func(k *joctest.Knobs) { k.ReadOnly = true },
	} {
		s.Set(change)
		if _, err := store.Add(t.Context(), addition); !errors.Is(err, stores.ErrDenied) || !strings.Contains(err.Error(), "administration:certificates") || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
		s.Set(func(k *joctest.Knobs) { *k = joctest.Knobs{} })
	}
	s.Set(func(k *joctest.Knobs) { k.ForceComment = true })
	if _, err := s.open(t, func(c *storejoc.Config) { c.Comment = "" }).Add(t.Context(), addition); err == nil || !strings.Contains(err.Error(), "JOC-300") {
		t.Errorf("without a comment: %v", err)
	}
	s.write(t, "password", []byte("wrong"))
	if _, err := store.Lookup(t.Context(), "web"); !errors.Is(err, stores.ErrDenied) || errors.Is(err, stores.ErrNotFound) {
		t.Errorf("with a wrong password: %v", err)
	}
	for says, change := range map[string]func(*storejoc.Config){
		"url is required": func(c *storejoc.Config) { c.Access.URL = "" }, "folder": func(c *storejoc.Config) { c.Folder = "x" },
		"comment": func(c *storejoc.Config) { c.Comment = strings.Repeat("x", 256) }, "go together": func(c *storejoc.Config) { c.Access.User = "" },
	} {
		config := storejoc.Config{Access: js7joc.Access{URL: s.URL, User: "relay", PasswordFile: "password"}, Folder: "/x"}
		change(&config)
		if _, err := storejoc.New(config, s.path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}

// TestDoneInPart: a certificate that is stored and not assigned is told as such.
func TestDoneInPart(t *testing.T) {
	s := newSite(t)
	store, addition := s.open(t, nil), certificate(t, "web")
	addition.Alias, addition.Tags = "web", map[string]string{"agents": "agent-1"}
	s.Set(func(k *joctest.Knobs) { k.NoAssignments = true })
	_, err := store.Add(t.Context(), addition)
	if _, _, stored := s.Encipherment("web"); !stored || !errors.Is(err, stores.ErrPartly) || !errors.Is(err, stores.ErrDenied) {
		t.Errorf("stored %v, error %v", stored, err)
	}
	s.Set(func(k *joctest.Knobs) { k.NoAssignments = false })
	addition.Overwrite = true
	if _, err := store.Add(t.Context(), addition); err != nil {
		t.Errorf("again: %v", err)
	}
	if _, agents, _ := s.Encipherment("web"); !slices.Equal(agents, []string{"agent-1"}) {
		t.Errorf("again it is for %v", agents)
	}
}

// TestClientCertificate logs in with a certificate alone: its common name is the account.
func TestClientCertificate(t *testing.T) {
	s := newSite(t)
	s.PutCertificate("web", string(certificate(t, "web").Certificates))
	for name, passes := range map[string]bool{"relay": true, "somebody": false} {
		s.Set(func(k *joctest.Knobs) { k.CertificateUser = "relay" })
		pair, err := keys.New("ec-p256", keys.NewOptions{})
		if err != nil {
			t.Fatal(err)
		}
		public, err := keys.PublicOf(pair.Keys[0])
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, public, pair.Keys[0])
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, "client.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		s.write(t, "client.key", pair.Private)
		store := s.open(t, func(c *storejoc.Config) {
			c.Access.User, c.Access.PasswordFile, c.Access.CertFile, c.Access.KeyFile = "", "", "client.crt", "client.key"
		})
		_, err = store.Lookup(t.Context(), "web")
		if (err == nil) != passes || err != nil && !errors.Is(err, stores.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
