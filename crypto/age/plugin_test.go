package age

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/plugin"

	"github.com/sealrelay/sealrelay/crypto"
)

const pluginProgram = "age-plugin-"

// TestMain makes the test binary a plugin when it is run under a plugin's name.
func TestMain(m *testing.M) {
	if name, found := strings.CutPrefix(filepath.Base(os.Args[0]), pluginProgram); found {
		os.Exit(runPlugin(name))
	}
	os.Exit(m.Run())
}

// The plugins of these tests: one that works, one whose recipients are labelled
// post-quantum, and one that fails as a token does that is not there.
const (
	pluginGood        = "good"
	pluginPostQuantum = "pq"
	pluginFailing     = "failing"
)

var errToken = errors.New("no token\x1b[31m")

// runPlugin is the plugin's main: an X25519 key under a stanza of its own,
// with the text of recipient or identity as the data of the plugin's.
func runPlugin(name string) int {
	p, err := plugin.New(name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	p.HandleRecipient(func(data []byte) (age.Recipient, error) {
		key, err := age.ParseX25519Recipient(string(data))
		return tokenRecipient{name, key}, err
	})
	p.HandleIdentity(func(data []byte) (age.Identity, error) {
		key, err := age.ParseX25519Identity(string(data))
		return tokenIdentity{name, key}, err
	})
	return p.Main()
}

type tokenRecipient struct {
	name string
	key  *age.X25519Recipient
}

func (r tokenRecipient) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	stanzas, _, err := r.WrapWithLabels(fileKey)
	return stanzas, err
}

func (r tokenRecipient) WrapWithLabels(fileKey []byte) (stanzas []*age.Stanza, labels []string, err error) {
	switch r.name {
	case pluginFailing:
		return nil, nil, errToken
	case pluginPostQuantum:
		labels = []string{"postquantum"}
	}
	stanzas, err = r.key.Wrap(fileKey)
	for _, stanza := range stanzas {
		stanza.Type = r.name
	}
	return stanzas, labels, err
}

type tokenIdentity struct {
	name string
	key  *age.X25519Identity
}

func (i tokenIdentity) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if i.name == pluginFailing {
		return nil, errToken
	}
	var own []*age.Stanza
	for _, stanza := range stanzas {
		if stanza.Type == i.name {
			own = append(own, &age.Stanza{Type: "X25519", Args: stanza.Args, Body: stanza.Body})
		}
	}
	return i.key.Unwrap(own)
}

// installPlugins puts the plugins, and nothing else, on the PATH.
func installPlugins(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a plugin is a link to the test binary, which Windows does not let everybody make")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, name := range []string{pluginGood, pluginPostQuantum, pluginFailing} {
		if err := os.Symlink(program, filepath.Join(folder, pluginProgram+name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder)
}

// newPluginPair makes a pair, and the texts of its recipient and identity.
func newPluginPair(t testing.TB, name string) (crypto.Recipient, crypto.Identity, string, string) {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	publicText := plugin.EncodeRecipient(name, []byte(key.Recipient().String()))
	privateText := plugin.EncodeIdentity(name, []byte(key.String()))
	public, err := plugin.NewRecipient(publicText, &plugin.ClientUI{})
	if err != nil {
		t.Fatal(err)
	}
	private, err := plugin.NewIdentity(privateText, &plugin.ClientUI{})
	if err != nil {
		t.Fatal(err)
	}
	recipient, err := Format.Recipient(public)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := Format.Identity(private)
	if err != nil {
		t.Fatal(err)
	}
	return recipient, identity, publicText, privateText
}

func TestPlugin(t *testing.T) {
	installPlugins(t)
	recipient, identity, _, _ := newPluginPair(t, pluginGood)
	_, stranger, _, _ := newPluginPair(t, pluginGood)
	if recipient.KeyID() == "" || identity.KeyID() != "" {
		t.Errorf("recipient has ID %q, identity %q", recipient.KeyID(), identity.KeyID())
	}
	sealed := seal(t, recipient, []byte("value"))
	if got, err := identity.Open(sealed); err != nil || string(got) != "value" {
		t.Errorf("got %q, %v", got, err)
	}
	_, err := stranger.Open(sealed)
	wantClass(t, err, crypto.ErrNoMatch)

	native, nativeIdentity := newPair(t, "age")
	sealed, err = Format.SealTo([]byte("value"), native, recipient)
	if err != nil {
		t.Fatal(err)
	}
	for _, identity := range []crypto.Identity{identity, nativeIdentity} {
		if got, err := identity.Open(sealed); err != nil || string(got) != "value" {
			t.Errorf("of two: got %q, %v", got, err)
		}
	}
}

// TestPluginLabels: a plugin may be post-quantum too, and then mixes with those
// recipients only.
func TestPluginLabels(t *testing.T) {
	installPlugins(t)
	recipient, identity, _, _ := newPluginPair(t, pluginPostQuantum)
	hybrid, _ := newPair(t, "age-pq")
	classic, _ := newPair(t, "age")
	sealed, err := Format.SealTo([]byte("value"), hybrid, recipient)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := identity.Open(sealed); err != nil || string(got) != "value" {
		t.Errorf("got %q, %v", got, err)
	}
	_, err = Format.SealTo([]byte("value"), classic, recipient)
	wantClass(t, err, crypto.ErrForbidden)
}

// TestPluginFails: a plugin that fails or is missing is no fault of the
// envelope, says so without control characters, and leaves the other
// identities their turn.
func TestPluginFails(t *testing.T) {
	installPlugins(t)
	native, nativeIdentity := newPair(t, "age")
	sealed := seal(t, native, []byte("value"))
	for name, want := range map[string]string{
		pluginFailing: "no token", "missing": "age-plugin-missing is not on the PATH",
	} {
		recipient, identity, _, _ := newPluginPair(t, name)
		_, sealErr := recipient.Seal([]byte("value"))
		_, openErr := identity.Open(sealed)
		for _, err := range []error{sealErr, openErr} {
			wantClass(t, err, crypto.ErrUnsupportedKey)
			if text := err.Error(); !strings.Contains(text, want) || strings.Contains(text, "\x1b") {
				t.Errorf("error is %q", text)
			}
		}
		if _, err := Format.Stream.Open(strings.NewReader(string(sealed)), identity, nativeIdentity); err != nil {
			t.Errorf("%s, beside the right identity: %v", name, err)
		}
	}
}
