package azurekeyvault_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/azuretest"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/azure/sealed"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/azurekeyvault"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tenant       = "11111111-1111-1111-1111-111111111111"
	subscription = "33333333-3333-3333-3333-333333333333"
	client       = "44444444-4444-4444-4444-444444444444"
	prefix       = "agent-agent-"
)

// world is a server with the vaults "relay" and "other", and an account there.
type world struct {
	*azuretest.Server
	account *azure.Account
	http    *http.Client
	// before is called with each request, before it is sent; its error is what comes
	// of it in place of an answer. after is called with what was answered.
	before atomic.Pointer[func(*http.Request) error]
	after  atomic.Pointer[func(*http.Request) error]
	// status is told of each answer, if it is set.
	status func(*http.Response)
}

// Do implements the SDK's transport.
func (w *world) Do(r *http.Request) (*http.Response, error) {
	if f := w.before.Load(); f != nil {
		if err := (*f)(r); err != nil {
			return nil, err
		}
	}
	response, err := w.http.Do(r)
	if w.status != nil && err == nil {
		w.status(response)
	}
	if f := w.after.Load(); f != nil && err == nil {
		if err := (*f)(r); err != nil {
			response.Body.Close()
			return nil, err
		}
	}
	return response, err
}

func newWorld(t testing.TB, config azuretest.Config, actions ...string) *world {
	t.Helper()
	if config.Settle == 0 {
		config.Settle = 20 * time.Millisecond
	}
	w := &world{Server: azuretest.New(t, config)}
	w.http = w.Client()
	t.Cleanup(w.http.CloseIdleConnections)
	for _, name := range []string{"relay", "other"} {
		w.AddVault(azuretest.Vault{Name: name, Tenant: tenant, Subscription: subscription, ResourceGroup: "rg"})
	}
	if actions == nil {
		actions = azuretest.SecretsOfficer
	}
	w.AddApp(azuretest.App{ClientID: client, Tenants: []string{tenant}, Secrets: []string{"hush"}, Grants: []azuretest.Grant{{Actions: actions}}})
	var err error
	w.account, err = azure.New(azure.Settings{
		Config:     azure.Config{SignIn: "client-secret", Tenant: tenant, ClientID: client, ClientSecretFile: "s"},
		Transport:  w,
		ReadSecret: func(string) (*secretbytes.Value, error) { return secretbytes.New([]byte("hush")), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) settings(config azurekeyvault.Config) deliver.Settings {
	return deliver.Settings{
		Decode: func(into any) error {
			reflect.ValueOf(into).Elem().Set(reflect.ValueOf(config))
			return nil
		},
		Agent: deliver.Agent{Name: "agent"},
		Service: func() (deliver.Service, error) {
			return deliver.Service{Issuer: "relay.example", Key: ed25519.NewKeyFromSeed(make([]byte, 32))}, nil
		},
	}
}

func (w *world) open(t testing.TB, config azurekeyvault.Config) deliver.Destination {
	t.Helper()
	if config.Vault == "" {
		config.Vault = "relay"
	}
	d, err := azurekeyvault.New(w.settings(config), func() (*azure.Account, error) { return w.account, nil })
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// read is how an agent sees a secret of the vault.
func (w *world) read(vault, secret string) (envelope []byte, statement string, err error) {
	v, err := w.account.Vault(vault)
	if err != nil {
		return nil, "", err
	}
	secrets, err := w.account.Secrets(v)
	if err != nil {
		return nil, "", err
	}
	held, err := sealed.Read(context.Background(), secrets, w.account.Pace(v), prefix, secret)
	if len(held.Envelope) == 0 {
		held.Envelope = nil
	}
	return held.Envelope, held.Statement, err
}

// fast is a server that the throttle does not keep from the suite's many requests.
var fast = azuretest.Config{Window: time.Microsecond}

func TestConformance(t *testing.T) {
	for name, config := range map[string]azurekeyvault.Config{
		"none":            {Delete: "none"},
		"disable":         {Delete: "disable"},
		"delete, recover": {Delete: "delete", SoftDeleted: "recover"},
		"delete, purge":   {Delete: "delete", SoftDeleted: "purge"},
		"purge":           {Delete: "purge"},
		"set only":        {SetOnly: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			delivertest.Run(t, func(t *testing.T) delivertest.Target {
				w := newWorld(t, fast)
				return delivertest.Target{
					Destination: w.open(t, config),
					Read:        func(secret string) ([]byte, string, error) { return w.read("relay", secret) },
					Stray: func() (stray []string, err error) {
						for name := range w.Secrets("relay") {
							if !strings.HasPrefix(name, prefix) {
								stray = append(stray, name)
							}
						}
						return stray, nil
					},
				}
			})
		})
	}
}

func deliverTo(t *testing.T, d deliver.Destination, deliveries ...outbox.Delivery) {
	t.Helper()
	for _, delivery := range deliveries {
		if _, err := d.Deliver(t.Context(), delivery); err != nil {
			t.Fatal(err)
		}
	}
}

// want checks that the delivery is what an agent finds.
func (w *world) want(t *testing.T, vault string, d outbox.Delivery) {
	t.Helper()
	envelope, statement, err := w.read(vault, d.Secret)
	if err != nil || !bytes.Equal(envelope, d.Envelope) || statement != d.Statement {
		t.Errorf("%s has %d bytes of %s with statement %.30q, error %v; want version %d", vault, len(envelope), d.Secret, statement, err, d.Version)
	}
}

// TestSetOnly: a role with setSecret and nothing else is enough.
func TestSetOnly(t *testing.T) {
	w := newWorld(t, azuretest.Config{}, azuretest.SecretsWriter...)
	d := w.open(t, azurekeyvault.Config{SetOnly: true})
	first, second := delivertest.Set(t, "prod/db", 1, 60_000), delivertest.Set(t, "prod/db", 2, 10)
	deliverTo(t, d, first, second, first, delivertest.Delete(t, "other", 1))
	if got := w.Secrets("relay"); got[sealed.Name(prefix, "prod/db")].Value != string(second.Envelope) || len(got) != 5 {
		t.Errorf("the vault has %d secrets, %+v", len(got), got[sealed.Name(prefix, "prod/db")])
	}
	if asked := w.Asked("GET /secrets/{name}"); asked != 0 {
		t.Errorf("it was read %d times", asked)
	}
}

// TestWhatIsThere: names, tags, content type and expiry are told each time.
func TestWhatIsThere(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	d := w.open(t, azurekeyvault.Config{ContentType: "text/x-js7", ExpiresAfter: time.Hour, Tags: map[string]string{"team": "payments"}})
	for version := range int64(2) {
		deliverTo(t, d, delivertest.Set(t, "prod/DB_1", version+1, 10))
		got := w.Secrets("relay")[sealed.Name(prefix, "prod/DB_1")]
		until := time.Until(time.Unix(got.Expires, 0))
		if got.ContentType != "text/x-js7" || until < 59*time.Minute || until > time.Hour {
			t.Errorf("version %d: content type %q, expires in %v", version+1, got.ContentType, until)
		}
		for tag, want := range map[string]string{
			"sealrelay": "relay.example", "agent": "agent", "secret": "prod/DB_1", "version": fmt.Sprint(version + 1), "operation": "set", "team": "payments",
		} {
			if got.Tags[tag] != want {
				t.Errorf("version %d: tag %s is %q", version+1, tag, got.Tags[tag])
			}
		}
	}
}

// TestNothingChanged: what is there already is not written again, by another process
// either.
func TestNothingChanged(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	big := delivertest.Set(t, "big", 1, 80_000)
	small, gone := delivertest.Set(t, "small", 1, 10), delivertest.Delete(t, "gone", 2)
	deliverTo(t, w.open(t, azurekeyvault.Config{}), small, big, delivertest.Set(t, "gone", 1, 10), gone)
	before := w.Asked("PUT /secrets/{name}")
	deliverTo(t, w.open(t, azurekeyvault.Config{}), small, big, gone)
	if after := w.Asked("PUT /secrets/{name}"); after != before {
		t.Errorf("%d writes of what was there", after-before)
	}
	if n := w.Asked("PATCH /secrets/{name}"); n > 1 {
		t.Errorf("the deleted secret was disabled %d times", n)
	}
	w.want(t, "relay", big)
}

// TestNotOurs: what somebody else made is neither written over nor deleted.
func TestNotOurs(t *testing.T) {
	for name, tags := range map[string]map[string]string{
		"no tag":         {"managed-by": "external-secrets"},
		"another issuer": {"sealrelay": "other.example", "agent": "agent", "secret": "prod/db"},
		"another agent":  {"sealrelay": "relay.example", "agent": "web", "secret": "prod/db"},
		"another secret": {"sealrelay": "relay.example", "agent": "agent", "secret": "prod/DB"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, azuretest.Config{})
			w.put(t, sealed.Name(prefix, "prod/db"), "theirs", tags)
			d := w.open(t, azurekeyvault.Config{Delete: "purge", SoftDeleted: "recover"})
			for _, delivery := range []outbox.Delivery{delivertest.Set(t, "prod/db", 1, 10), delivertest.Delete(t, "prod/db", 2)} {
				_, err := d.Deliver(t.Context(), delivery)
				if _, final := errors.AsType[*deliver.FinalError](err); !final || !strings.Contains(err.Error(), "not ours") {
					t.Errorf("%s: error %v", delivery.Operation, err)
				}
			}
			if got := w.Versions("relay", sealed.Name(prefix, "prod/db")); len(got) != 1 || got[0].Value != "theirs" || !got[0].Enabled {
				t.Errorf("it is now %+v", got)
			}
			// Nor is it once it was deleted.
			w.remove(t, sealed.Name(prefix, "prod/db"))
			_, err := d.Deliver(t.Context(), delivertest.Set(t, "prod/db", 3, 10))
			if _, final := errors.AsType[*deliver.FinalError](err); !final || !strings.Contains(err.Error(), "not ours") {
				t.Errorf("deleted: error %v", err)
			}
		})
	}
}

// TestSoftDeleted: what somebody deleted by hand is in the way, as the policy says.
func TestSoftDeleted(t *testing.T) {
	for _, policy := range []string{"fail", "recover", "purge"} {
		t.Run(policy, func(t *testing.T) {
			w := newWorld(t, azuretest.Config{Settle: 300 * time.Millisecond})
			d := w.open(t, azurekeyvault.Config{SoftDeleted: policy})
			deliverTo(t, d, delivertest.Set(t, "prod/db", 1, 10))
			w.remove(t, sealed.Name(prefix, "prod/db"))
			newer := delivertest.Set(t, "prod/db", 2, 10)
			_, err := d.Deliver(t.Context(), newer)
			if policy == "fail" {
				if err == nil || !strings.Contains(err.Error(), "soft_deleted") {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			w.want(t, "relay", newer)
			if got := len(w.Versions("relay", sealed.Name(prefix, "prod/db"))); got != map[string]int{"recover": 2, "purge": 1}[policy] {
				t.Errorf("there are %d versions", got)
			}
		})
	}
	t.Run("newer", func(t *testing.T) {
		w := newWorld(t, azuretest.Config{})
		d := w.open(t, azurekeyvault.Config{SoftDeleted: "recover"})
		deliverTo(t, d, delivertest.Set(t, "prod/db", 5, 10))
		w.remove(t, sealed.Name(prefix, "prod/db"))
		_, err := d.Deliver(t.Context(), delivertest.Set(t, "prod/db", 4, 10))
		if _, final := errors.AsType[*deliver.FinalError](err); !final || len(w.Secrets("relay")) != 0 {
			t.Errorf("error %v, the vault has %d secrets", err, len(w.Secrets("relay")))
		}
	})
}

// TestRecoveredAndNotWritten: what was recovered to be written over does not stay
// published if it cannot be.
func TestRecoveredAndNotWritten(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	d := w.open(t, azurekeyvault.Config{SoftDeleted: "recover"})
	deliverTo(t, d, delivertest.Set(t, "prod/db", 1, 10))
	w.remove(t, sealed.Name(prefix, "prod/db"))
	recovered := false
	before := func(r *http.Request) error {
		recovered = recovered || strings.HasSuffix(r.URL.Path, "/recover")
		if recovered && r.Method == http.MethodPut {
			return errors.New("cable cut")
		}
		return nil
	}
	w.before.Store(&before)
	if _, err := d.Deliver(t.Context(), delivertest.Set(t, "prod/db", 2, 10)); err == nil || !recovered {
		t.Fatalf("error %v, recovered %v", err, recovered)
	}
	if got := w.Secrets("relay"); len(got) != 0 {
		t.Errorf("published are %v", got)
	}
}

// TestAnswerLost: a write that was carried out though its answer was lost is not done
// again by the next attempt.
func TestAnswerLost(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	d := w.open(t, azurekeyvault.Config{})
	lost := 0
	after := func(r *http.Request) error {
		if r.Method == http.MethodPut && r.ContentLength > 0 && lost == 0 {
			lost++
			return errors.New("connection reset")
		}
		return nil
	}
	w.after.Store(&after)
	delivery := delivertest.Set(t, "prod/db", 1, 10)
	if _, err := d.Deliver(t.Context(), delivery); err == nil {
		t.Fatal("no error")
	}
	deliverTo(t, d, delivery)
	if got := len(w.Versions("relay", sealed.Name(prefix, "prod/db"))); got != 1 || lost != 1 {
		t.Errorf("%d versions, %d answers lost", got, lost)
	}
}

// TestPartsCutOff: while a value in parts is being replaced, and when that breaks off
// anywhere, the one before can be read.
func TestPartsCutOff(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	d := w.open(t, azurekeyvault.Config{})
	old, new_ := delivertest.Set(t, "prod/db", 1, 90_000), delivertest.Set(t, "prod/db", 2, 70_000)
	deliverTo(t, d, old)
	for cut := 1; ; cut++ {
		written := 0
		before := func(r *http.Request) error {
			if r.Method == http.MethodPut && r.ContentLength > 0 {
				if written++; written == cut {
					return errors.New("cable cut")
				}
			}
			return nil
		}
		w.before.Store(&before)
		_, err := d.Deliver(t.Context(), new_)
		w.before.Store(nil)
		if err == nil {
			if cut < 2 {
				t.Error("nothing was cut off")
			}
			break
		}
		w.want(t, "relay", old)
	}
	w.want(t, "relay", new_)
	if got := w.Secrets("relay")[sealed.Part(sealed.Name(prefix, "prod/db"), 4)]; got.Enabled {
		t.Error("the part that is not needed any longer is still enabled")
	}
}

// TestTwoVaults: one agent's copies in two vaults, of which one is down.
func TestTwoVaults(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	d := delivertest.Set(t, "prod/db", 1, 10)
	w.ChangeVault("other", func(v *azuretest.Vault) { v.ReadOnly = true })
	deliverTo(t, w.open(t, azurekeyvault.Config{}), d)
	other := w.open(t, azurekeyvault.Config{Vault: "https://other.vault.azure.net"})
	_, err := other.Deliver(t.Context(), d)
	if after, ok := errors.AsType[*deliver.AfterError](err); !ok || time.Until(after.At) < time.Minute || !errors.Is(err, azure.ErrReadOnly) {
		t.Errorf("error %v", err)
	}
	w.want(t, "relay", d)
	w.ChangeVault("other", func(v *azuretest.Vault) { v.ReadOnly = false })
	deliverTo(t, other, d)
	w.want(t, "other", d)
}

// TestThrottled: a 429 makes all that go to the vault wait, and is no failure.
func TestThrottled(t *testing.T) {
	w := newWorld(t, azuretest.Config{Writes: 1, Window: time.Hour})
	one, two := w.open(t, azurekeyvault.Config{}), w.open(t, azurekeyvault.Config{Prefix: "two-"})
	deliverTo(t, one, delivertest.Set(t, "a", 1, 10))
	_, err := one.Deliver(t.Context(), delivertest.Set(t, "b", 1, 10))
	if _, ok := errors.AsType[*deliver.LaterError](err); !ok || !errors.Is(err, azure.ErrThrottled) {
		t.Errorf("error %v", err)
	}
	before := w.Asked("PUT /secrets/{name}") + w.Asked("GET /secrets/{name}")
	_, err = two.Deliver(t.Context(), delivertest.Set(t, "c", 1, 10))
	if _, ok := errors.AsType[*deliver.LaterError](err); !ok {
		t.Errorf("another destination: error %v", err)
	}
	if after := w.Asked("PUT /secrets/{name}") + w.Asked("GET /secrets/{name}"); after != before {
		t.Error("the vault was asked within its pause")
	}
}

// TestRefused: what only an operator mends is left alone for a while.
func TestRefused(t *testing.T) {
	w := newWorld(t, azuretest.Config{}, azuretest.SecretsUser...)
	_, err := w.open(t, azurekeyvault.Config{}).Deliver(t.Context(), delivertest.Set(t, "a", 1, 10))
	if after, ok := errors.AsType[*deliver.AfterError](err); !ok || time.Until(after.At) < 10*time.Minute || !strings.Contains(err.Error(), "setSecret/action") {
		t.Errorf("error %v", err)
	}
}

// TestPurgeProtection: a copy that cannot be purged is deleted, and the delivery says so.
func TestPurgeProtection(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	w.ChangeVault("relay", func(v *azuretest.Vault) { v.PurgeProtection = true })
	d := w.open(t, azurekeyvault.Config{Delete: "purge"})
	deliverTo(t, d, delivertest.Set(t, "a", 1, 10))
	gone := delivertest.Delete(t, "a", 2)
	if _, err := d.Deliver(t.Context(), gone); err == nil || !strings.Contains(err.Error(), "purge protection") {
		t.Errorf("error %v", err)
	}
	w.want(t, "relay", gone)
}

func TestConfigRefused(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	for says, config := range map[string]azurekeyvault.Config{
		"vault is required":  {},
		"no name of a vault": {Vault: "re_lay"},
		"prefix":             {Vault: "relay", Prefix: "Agent-"},
		"hyphen last":        {Vault: "relay", Prefix: "agent"},
		"delete: \"keep\"":   {Vault: "relay", Delete: "keep"},
		"soft_deleted":       {Vault: "relay", SoftDeleted: "ignore"},
		"set_only":           {Vault: "relay", SetOnly: true, Delete: "delete"},
		"expires_after":      {Vault: "relay", ExpiresAfter: time.Second},
		"content_type":       {Vault: "relay", ContentType: strings.Repeat("x", 256)},
		"4 at most":          {Vault: "relay", Tags: map[string]string{"a": "", "b": "", "c": "", "d": "", "e": ""}},
		"one of sealrelay's": {Vault: "relay", Tags: map[string]string{"statement-1": ""}},
		"longer than 256":    {Vault: "relay", Tags: map[string]string{"a": strings.Repeat("x", 257)}},
	} {
		if _, err := azurekeyvault.New(w.settings(config), func() (*azure.Account, error) { return w.account, nil }); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}
