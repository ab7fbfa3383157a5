package cms

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

// openssl runs the tool with input and returns its standard output.
func openssl(t testing.TB, input []byte, arguments ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	command := exec.CommandContext(t.Context(), path, arguments...)
	var stderr bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(input), &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v: %s", strings.Join(arguments, " "), err, stderr.Bytes())
	}
	return out
}

func certFile(name string) string { return keyFile(name + ".crt") }

func random(t testing.TB, size int) string {
	t.Helper()
	data := make([]byte, size)
	_, _ = rand.Read(data)
	return string(data)
}

// TestOpenSSLOpens opens our envelopes with nothing of ours: in both forms, for
// a certificate, which the tool compares, and for a bare key.
func TestOpenSSLOpens(t *testing.T) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{0, 1, 100_000} {
				plaintext := random(t, size)
				check := func(form string, envelope []byte, arguments ...string) {
					arguments = append([]string{"cms", "-decrypt", "-inform", form, "-inkey", keyFile(name + ".pk8")}, arguments...)
					if got := openssl(t, envelope, arguments...); string(got) != plaintext {
						t.Errorf("%s of %d bytes: openssl opened it to %d bytes", form, size, len(got))
					}
				}
				envelope := sealed(t, plaintext, bare(t, name))
				check("PEM", envelope)
				if name == "k256" { // The standard library does not parse its certificate.
					continue
				}
				envelope = sealed(t, plaintext, certified(t, name))
				check("DER", written(t, "raw", envelope), "-recip", certFile(name))
			}
		})
	}
}

// TestOpenSSLOpensMixed has each of several recipients open one envelope.
func TestOpenSSLOpensMixed(t *testing.T) {
	plaintext := random(t, 1_000_000)
	some := []string{"rsa2048", "p256", "rsa4096", "p521"}
	envelope := sealed(t, plaintext, certified(t, some[0]), certified(t, some[1]), certified(t, some[2]), bare(t, some[3]))
	for _, name := range some {
		arguments := []string{"cms", "-decrypt", "-inform", "PEM", "-inkey", keyFile(name + ".pk8")}
		if name != "p521" {
			arguments = append(arguments, "-recip", certFile(name))
		}
		if got := openssl(t, envelope, arguments...); string(got) != plaintext {
			t.Errorf("%s: openssl opened it to %d bytes", name, len(got))
		}
		wantOpen(t, readIdentity(t, name), envelope, plaintext)
	}
	wantRefused(t, readIdentity(t, "rsa3072"), envelope, errOtherKey)
	wantRefused(t, readIdentity(t, "p384"), envelope, errOtherKey)
	wantRefused(t, readIdentity(t, "k256"), envelope, errOtherKey)
}

// TestOpensOpenSSL opens what the tool makes: each cipher, key transport, KDF
// and key wrap, streamed and not, in each form.
func TestOpensOpenSSL(t *testing.T) {
	type encryption struct {
		key     string
		options string
		legacy  bool
	}
	var table []encryption
	for _, name := range names {
		rsa := strings.HasPrefix(name, "rsa")
		table = append(table,
			encryption{name, "-aes-256-gcm", rsa}, // PKCS#1 v1.5 by default.
			encryption{name, "-aes-256-gcm -stream", rsa},
			encryption{name, "-aes-128-cbc", true},
			encryption{name, "-aes-256-cbc -stream", true},
			encryption{name, "-aes-192-cbc -keyid", true},
		)
	}
	const oaep = " -keyopt rsa_padding_mode:oaep"
	for _, name := range []string{"rsa2048", "rsa3072", "rsa4096"} {
		table = append(table,
			encryption{name, "-aes-256-gcm -keyid" + oaep + " -keyopt rsa_oaep_md:sha256", false},
			encryption{name, "-aes-128-gcm -stream" + oaep, false}, // SHA-1, the tool's default.
			encryption{name, "-aes-256-cbc" + oaep + " -keyopt rsa_oaep_md:sha256", true})
	}
	for _, bits := range []string{"128", "192", "256"} {
		table = append(table,
			encryption{"p256", "-aes-" + bits + "-gcm", false},
			encryption{"rsa2048", "-aes-" + bits + "-gcm", true},
			encryption{"rsa2048", "-aes-" + bits + "-cbc", true},
			encryption{"p384", "-aes-256-gcm -aes" + bits + "-wrap", false},
			encryption{"p521", "-aes-256-gcm -wrap aes" + bits + "-wrap -keyid", false},
		)
	}
	for _, hash := range []string{"sha1", "sha224", "sha256", "sha384", "sha512"} {
		for _, mgf := range []string{"sha1", "sha256", "sha512"} {
			table = append(table, encryption{"rsa3072", "-aes-256-gcm" + oaep + " -keyopt rsa_oaep_md:" + hash + " -keyopt rsa_mgf1_md:" + mgf, false})
		}
		for _, name := range []string{"p256", "p384", "p521", "k256"} {
			table = append(table,
				encryption{name, "-aes-256-gcm -keyopt ecdh_kdf_md:" + hash, false},
				encryption{name, "-aes-256-gcm -keyopt ecdh_cofactor_mode:1 -keyopt ecdh_kdf_md:" + hash, false})
		}
	}
	for i, c := range table {
		t.Run(fmt.Sprintf("%s %s", c.key, c.options), func(t *testing.T) {
			t.Parallel()
			// The tool fails on streaming nothing in AES-GCM.
			plaintext := random(t, []int{1, 15, 16, 17, 10_000}[i%5])
			form := []string{"PEM", "DER"}[i%2]
			arguments := []string{"cms", "-encrypt", "-binary", "-outform", form, "-recip", certFile(c.key)}
			envelope := openssl(t, []byte(plaintext), append(arguments, strings.Fields(c.options)...)...)
			if !Format.Detect(envelope) {
				t.Error("not detected")
			}
			if legacy := Format.LegacyEnvelope(envelope); legacy != c.legacy {
				t.Errorf("legacy is %v", legacy)
			}
			identity := readIdentity(t, c.key)
			wantOpen(t, identity, envelope, plaintext)
			raw := written(t, "raw", envelope)
			wantOpen(t, identity, raw, plaintext)
			wantOpen(t, identity, written(t, "armor", envelope), plaintext)
			if form == "DER" && !strings.Contains(c.options, "-stream") && !bytes.Equal(raw, envelope) {
				t.Error("the DER of the tool is not its own raw form")
			}
			if got := openssl(t, raw, "cms", "-decrypt", "-inform", "DER", "-inkey", keyFile(c.key+".pk8")); string(got) != plaintext {
				t.Error("the tool does not open its own envelope in raw form")
			}
		})
	}
}

// TestOpensOpenSSLSizes opens the smallest and large contents, which the tool
// cuts in chunks when it streams.
func TestOpensOpenSSLSizes(t *testing.T) {
	for _, size := range []int{0, 1, 1_000_000} {
		for _, options := range []string{"-aes-256-gcm", "-aes-256-gcm -stream", "-aes-256-cbc", "-aes-256-cbc -stream"} {
			if size == 0 && options == "-aes-256-gcm -stream" {
				continue // The tool fails on it.
			}
			plaintext := random(t, size)
			arguments := append([]string{"cms", "-encrypt", "-binary", "-outform", "DER"}, strings.Fields(options)...)
			envelope := openssl(t, []byte(plaintext), append(arguments, certFile("p256"))...)
			wantOpen(t, readIdentity(t, "p256"), envelope, plaintext)
		}
	}
}

// TestOpensOpenSSLSeveral opens envelopes for several recipients with each.
func TestOpensOpenSSLSeveral(t *testing.T) {
	some := []string{"rsa2048", "p256", "rsa4096", "p521", "rsa3072"}
	for _, options := range []string{"-aes-256-gcm", "-aes-256-gcm -stream", "-aes-256-cbc -keyid", "-aes-128-cbc"} {
		arguments := append([]string{"cms", "-encrypt", "-binary", "-outform", "PEM"}, strings.Fields(options)...)
		for _, name := range some {
			arguments = append(arguments, certFile(name))
		}
		envelope := openssl(t, []byte("value"), arguments...)
		for _, name := range some {
			wantOpen(t, readIdentity(t, name), envelope, "value")
		}
		wantRefused(t, readIdentity(t, "p384"), envelope, errOtherKey)
	}
	// Two RSA keys of one size: only one of the two decrypts.
	key := openssl(t, nil, "genrsa", "2048")
	folder := t.TempDir()
	other := writeFile(t, folder, "other.pem", key)
	certificate := writeFile(t, folder, "other.crt", openssl(t, nil, "req", "-x509", "-new", "-key", other, "-subj", "/CN=other"))
	for _, options := range []string{"-aes-256-gcm", "-aes-256-cbc"} {
		for _, order := range [][]string{{certificate, certFile("rsa2048")}, {certFile("rsa2048"), certificate}} {
			envelope := openssl(t, []byte("value"), append([]string{"cms", "-encrypt", "-binary", "-outform", "PEM", options}, order...)...)
			wantOpen(t, readIdentity(t, "rsa2048"), envelope, "value")
		}
	}
}

// TestOpensSMIME opens what the older command makes, under the older label.
func TestOpensSMIME(t *testing.T) {
	for _, options := range []string{"-aes128", "-aes256 -stream"} {
		for _, form := range []string{"PEM", "DER"} {
			arguments := append([]string{"smime", "-encrypt", "-binary", "-outform", form}, strings.Fields(options)...)
			envelope := openssl(t, []byte("value"), append(arguments, certFile("rsa2048"))...)
			if block, _ := pem.Decode(envelope); form == "PEM" && block.Type != "PKCS7" {
				t.Errorf("the tool labels it %s", block.Type)
			}
			if !Format.Detect(envelope) || !Format.LegacyEnvelope(envelope) {
				t.Error("not detected as legacy")
			}
			wantOpen(t, readIdentity(t, "rsa2048"), envelope, "value")
		}
	}
}

// TestRefusesOpenSSL refuses what the tool can make and nobody should.
func TestRefusesOpenSSL(t *testing.T) {
	for options, class := range map[string]error{
		"-des3":                       crypto.ErrForbidden,
		"-camellia256":                crypto.ErrForbidden,
		"-aes-256-gcm -des3-wrap":     crypto.ErrForbidden,
		"-aes-256-cbc -outform SMIME": errArmor,
	} {
		t.Run(options, func(t *testing.T) {
			arguments := append([]string{"cms", "-encrypt", "-binary", "-outform", "DER"}, strings.Fields(options)...)
			envelope := openssl(t, []byte("value"), append(arguments, certFile("p256"))...)
			wantRefused(t, readIdentity(t, "p256"), envelope, class)
		})
	}
	for options, class := range map[string]error{
		"-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_label:6c6162656c": errLabel,
	} {
		t.Run(options, func(t *testing.T) {
			arguments := append([]string{"cms", "-encrypt", "-binary", "-outform", "DER", "-aes-256-gcm", "-recip", certFile("rsa2048")}, strings.Fields(options)...)
			wantRefused(t, readIdentity(t, "rsa2048"), openssl(t, []byte("value"), arguments...), class)
		})
	}
}
