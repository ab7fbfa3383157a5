package local

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// keyView is what is told of a key.
type keyView struct {
	File      string `json:"file"`
	Keystore  string `json:"keystore,omitempty"`
	Alias     string `json:"alias,omitempty"`
	Container string `json:"container"`
	// Private: the file has the private key, of which the public half is told.
	Private   bool   `json:"private"`
	Encrypted bool   `json:"encrypted"`
	Kind      string `json:"kind"`
	Bits      int    `json:"bits,omitempty"`
	KeyID     string `json:"key_id"`
	// SHA256Hex and SHA256Base64 are the fingerprint that a pin is compared
	// with: of the certificate, or of a key without one; OpenPGP keys have
	// theirs in the key ID.
	SHA256Hex      string           `json:"sha256_hex,omitempty"`
	SHA256Base64   string           `json:"sha256_base64,omitempty"`
	SSHFingerprint string           `json:"ssh_fingerprint,omitempty"`
	Certificate    *certificateView `json:"certificate,omitempty"`
	NotBefore      *time.Time       `json:"not_before,omitempty"`
	NotAfter       *time.Time       `json:"not_after,omitempty"`
	// DaysLeft is whole days, negative once it has expired.
	DaysLeft *int `json:"days_left,omitempty"`
	// Formats are those that it can be sealed with.
	Formats       []string `json:"formats"`
	DefaultFormat string   `json:"default_format,omitempty"`
	// Findings are why nothing may be sealed to it in its default format, and
	// what should change.
	Findings []string `json:"findings,omitempty"`
}

// certificateView is what is told of a certificate beside its validity.
type certificateView struct {
	Subject       string   `json:"subject"`
	Issuer        string   `json:"issuer"`
	SerialNumber  string   `json:"serial_number"`
	Names         []string `json:"names,omitempty"`
	KeyUsage      []string `json:"key_usage,omitempty"`
	Intermediates int      `json:"intermediates,omitempty"`
}

func viewOfKey(file string, entry keys.Entry, now time.Time) keyView {
	public := entry.Public
	view := keyView{
		File: file, Keystore: entry.Keystore, Alias: entry.Alias, Container: string(public.Container),
		Private: entry.Private, Encrypted: entry.Encrypted,
		Kind: public.Kind(), Bits: keys.Bits(public.Key), KeyID: public.ID(),
		SSHFingerprint: keys.SSHFingerprint(public.Key),
		Certificate:    viewOfCertificate(public),
		Formats:        formatsFor(public), DefaultFormat: public.DefaultFormat(),
	}
	view.setFingerprint(public)
	if !public.NotBefore.IsZero() {
		view.NotBefore = &public.NotBefore
	}
	if !public.NotAfter.IsZero() {
		left := daysLeft(public.NotAfter, now)
		view.NotAfter, view.DaysLeft = &public.NotAfter, &left
	}
	key, findings := policyOn(public, now, false)
	view.Findings = findings
	if key != nil {
		view.Findings = append(view.Findings, key.Warnings()...)
	}
	return view
}

func (v *keyView) setFingerprint(public *keys.Public) {
	fingerprint := public.Fingerprint()
	if fingerprint == "" {
		fingerprint = public.ID()
	}
	text, found := strings.CutPrefix(fingerprint, "sha256:")
	if sum, err := hex.DecodeString(text); found && err == nil {
		v.SHA256Hex, v.SHA256Base64 = text, base64.StdEncoding.EncodeToString(sum)
	}
}

// daysLeft is whole days, rounded down.
func daysLeft(until, now time.Time) int {
	return int(math.Floor(until.Sub(now).Hours() / 24))
}

// formatsFor asks each format whether it takes the key.
func formatsFor(public *keys.Public) []string {
	names := []string{}
	for _, format := range formats.All {
		if _, _, err := formats.RecipientFor(public, format.Name); err == nil {
			names = append(names, format.Name)
		}
	}
	return names
}

// policyOn says why nothing may be sealed to the key in its default format. A key
// that is for signatures has none, and passes.
func policyOn(public *keys.Public, now time.Time, noLegacy bool) (*agentkeys.Key, []string) {
	if public.DefaultFormat() == "" {
		return nil, nil
	}
	key, err := agentkeys.FromPublic(public, agentkeys.Requirements{NoLegacy: noLegacy})
	if err == nil {
		err = key.Check(now)
	}
	if err != nil {
		return key, strings.Split(err.Error(), "\n")
	}
	return key, nil
}

func viewOfCertificate(public *keys.Public) *certificateView {
	issued, found := public.Issued()
	if !found {
		return nil
	}
	return &certificateView{
		Subject: issued.Subject.String(), Issuer: issued.Issuer.String(),
		SerialNumber: hex.EncodeToString(issued.SerialNumber.Bytes()),
		Names:        issued.Names, KeyUsage: usageWords(public.KeyUsage), Intermediates: len(public.Intermediates),
	}
}

// printable replaces what would move a terminal's cursor: names in certificates
// are whatever their maker wrote.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// usages are the bits of RFC 5280, section 4.2.1.3.
var usages = []struct {
	bit  x509.KeyUsage
	word string
}{
	{x509.KeyUsageDigitalSignature, "digitalSignature"},
	{x509.KeyUsageContentCommitment, "nonRepudiation"},
	{x509.KeyUsageKeyEncipherment, "keyEncipherment"},
	{x509.KeyUsageDataEncipherment, "dataEncipherment"},
	{x509.KeyUsageKeyAgreement, "keyAgreement"},
	{x509.KeyUsageCertSign, "keyCertSign"},
	{x509.KeyUsageCRLSign, "cRLSign"},
	{x509.KeyUsageEncipherOnly, "encipherOnly"},
	{x509.KeyUsageDecipherOnly, "decipherOnly"},
}

func usageWords(usage x509.KeyUsage) []string {
	var words []string
	for _, u := range usages {
		if usage&u.bit != 0 {
			words = append(words, u.word)
		}
	}
	return words
}
