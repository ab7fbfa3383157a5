package https_test

import (
	"crypto/ed25519"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/internal/deliver/kinds"
)

func TestRefusedConfigurations(t *testing.T) {
	dir := t.TempDir()
	writePEM(t, filepath.Join(dir, "none.pem"), "NOTHING", nil)
	newSecret(t, dir, "secret")
	const good = "url: https://agent.example/v1/deliveries\n"
	for _, test := range []struct{ config, err string }{
		{"{}", "url is not"},
		{"url: http://agent.example/", "url is not"},
		{"url: https:///x", "url is not"},
		{"url: https://user:SECRET@agent.example/", "url is not"},
		{"url: https://agent.example/#SECRET", "url is not"},
		{"url: 'https://agent.example/%zzSECRET'", "url is not"},
		{"url: https://127.0.0.1/", "url: no connection is made to 127.0.0.1: it is this machine; if that is meant, list it (setting allow)"},
		{"url: https://[::1]/", "this machine"},
		{"url: 'https://[::ffff:10.0.0.1]/'", "IPv4 address inside"},
		{"url: https://169.254.169.254/\nallow: [0.0.0.0/0]", "link-local"},
		{"url: https://10.0.0.1/\nallow: [10.1.0.0/16]", "none of the networks"},
		{good + "allow: [ten]", "allow: entry 1"},
		{good + "ca_file: missing.pem", "ca_file: "},
		{good + "ca_file: none.pem", "ca_file has no certificate"},
		{good + "pins: [sha256:12]", "pins: entry 1 is not sha256:"},
		{good + "cert_file: a.pem", "cert_file and key_file go together"},
		{good + "key_file: a.pem", "cert_file and key_file go together"},
		{good + "cert_file: a.pem\nkey_file: a.pem", "client certificate: "},
		{good + "proxy: https://proxy.example", "proxy is not"},
		{good + "proxy: http://user:SECRET@proxy.example", "proxy is not"},
		{good + "timeout: 10ms", "timeout 10ms is not from 1s to 5m0s"},
		{good + "timeout: 6m", "timeout 6m0s is not from"},
		{good + "receipt: perhaps", "receipt is neither"},
		{good + "receipt: required", "no signing_key_files"},
		{good + "secret_files: [missing]", "secret_files: "},
		{good + "secret_files: [none.pem]", "secret_files: entry 1: signing secret does not begin with whsec_"},
		{good + "secret_files: [secret, secret, secret, secret, secret]", "more than 4 entries"},
		{good + "follow_redirects: true", "follow_redirects"},
	} {
		_, err := open(dir, test.config)
		if err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s\ngives %v, want %q", test.config, err, test.err)
		}
	}
}

func TestConfigurations(t *testing.T) {
	dir := t.TempDir()
	for _, config := range []string{
		"url: https://agent.example", "url: https://10.0.0.1:8443/x?y=z", "url: https://10.0.0.1/\nallow: [10.0.0.0/8, 192.0.2.7]",
		"url: https://127.0.0.1/\nallow: [127.0.0.1]", "url: https://127.0.0.1/\nproxy: http://proxy.example:3128",
		"url: https://agent.example\ntimeout: 5m\nreceipt: optional",
	} {
		if _, err := open(dir, config); err != nil {
			t.Errorf("%s\ngives %v", config, err)
		}
	}
	if _, err := open(dir, "url: https://agent.example\nreceipt: required", public(ed25519.NewKeyFromSeed(make([]byte, 32)))); err != nil {
		t.Error(err)
	}
	if kinds.All["https"] == nil {
		t.Error("the kind is not in the table")
	}
}
