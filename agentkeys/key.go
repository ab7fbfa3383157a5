package agentkeys

import (
	"cmp"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// ErrPolicy is wrapped by every error that says a key fails the policy.
var ErrPolicy = errors.New("key fails the policy")

// Key is an agent's or group's public key with what it must fulfil. It is safe
// for concurrent use.
type Key struct {
	Public *keys.Public
	// ID is Public.ID, computed once.
	ID string
	// Recipient is nil if the policy refuses the key for good.
	Recipient crypto.Recipient
	Format    crypto.Format

	// refused is what was wrong when the key was read and cannot mend itself.
	refused error
	// warnings are what is allowed but should change.
	warnings []string
	// notBefore and notAfter are the window in which the certificate and its
	// whole chain are valid; zero for a key without certificate.
	notBefore, notAfter time.Time
}

// Requirements are what a key must fulfil beyond the rules for all.
type Requirements struct {
	// Format is an envelope format's name; empty means the key's default.
	Format string
	// Pin is the fingerprint ("sha256:" and hex) of the certificate, or the ID
	// of a key without one; empty means any.
	Pin string
	// NoLegacy refuses formats and algorithms that are kept for those who need
	// them only; crypto.Format says which.
	NoLegacy bool
	// Roots are the authorities that must have issued the certificate; nil
	// means any, self-signed too.
	Roots *x509.CertPool
	// Refuse is why the key must not be used though it is as it should be; empty if
	// it may be.
	Refuse string
}

// NewKey reads a public key and checks it. A key that can be read but fails the
// policy is returned without error: Check tells, so that one agent's bad key
// does not stop the others. An error means that there is no key in data or that
// the format cannot use it.
func NewKey(data []byte, require Requirements) (*Key, error) {
	public, err := keys.ParsePublic(data)
	if err != nil {
		return nil, err
	}
	return FromPublic(public, require)
}

// FromPublic is NewKey for a public key that was read.
func FromPublic(public *keys.Public, require Requirements) (*Key, error) {
	var err error
	key := &Key{Public: public, ID: public.ID()}
	key.Recipient, key.Format, err = formats.RecipientFor(public, require.Format)
	if err != nil && !errors.Is(err, crypto.ErrForbidden) {
		return nil, err
	}
	if err != nil {
		// The format is still told: a delivery that is blocked, or that deletes,
		// has one.
		key.refused = fmt.Errorf("%w: %w", ErrPolicy, err)
		key.Format, err = formats.ByName(cmp.Or(require.Format, public.DefaultFormat()))
		return key, err
	}
	key.notBefore, key.notAfter = public.NotBefore, public.NotAfter
	key.refused = errors.Join(key.checkLegacy(require.NoLegacy), key.checkUsage(), key.checkPin(require.Pin), key.checkChain(require.Roots), refusal(require.Refuse))
	key.warnings = warnings(key)
	return key, nil
}

// Fingerprint is what a pin is compared with: that of the certificate, or the
// ID of a key without one.
func (k *Key) Fingerprint() string {
	if fingerprint := k.Public.Fingerprint(); fingerprint != "" {
		return fingerprint
	}
	return k.ID
}

// NotAfter is when the key stops passing by its dates; zero if never.
func (k *Key) NotAfter() time.Time { return k.notAfter }

// Warnings are what is allowed but should change.
func (k *Key) Warnings() []string { return k.warnings }

// Check returns nil if a secret may be sealed to the key at now, and otherwise
// an error that wraps ErrPolicy and says what to do. It is cheap: it is called
// at each seal.
func (k *Key) Check(now time.Time) error {
	switch {
	case k.refused != nil:
		return k.refused
	case !k.notBefore.IsZero() && now.Before(k.notBefore):
		return fmt.Errorf("%w: certificate is not valid before %s; check its dates and this machine's clock", ErrPolicy, k.notBefore.UTC().Format(time.RFC3339))
	case !k.notAfter.IsZero() && now.After(k.notAfter):
		return fmt.Errorf("%w: certificate expired at %s; give the agent a new one and push again", ErrPolicy, k.notAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

func (k *Key) checkLegacy(refuse bool) error {
	if !refuse || !k.Format.Legacy {
		return nil
	}
	return fmt.Errorf("%w: %w: format %s is legacy; choose another with `format`", ErrPolicy, crypto.ErrForbidden, k.Format.Name)
}

// checkUsage applies RFC 5280 section 4.2.1.3: a certificate that states its
// key usage must permit encryption (RSA: keyEncipherment or dataEncipherment)
// or agreement (EC: keyAgreement).
func (k *Key) checkUsage() error {
	if k.Public.KeyUsage == 0 {
		return nil
	}
	wanted, words := x509.KeyUsageKeyAgreement, "keyAgreement"
	if _, ok := k.Public.Key.(*rsa.PublicKey); ok {
		wanted, words = x509.KeyUsageKeyEncipherment|x509.KeyUsageDataEncipherment, "keyEncipherment or dataEncipherment"
	}
	if k.Public.KeyUsage&wanted == 0 {
		return fmt.Errorf("%w: the certificate's key usage does not permit encryption; issue one with %s", ErrPolicy, words)
	}
	return nil
}

// refusal is the error of a reason, nil if there is none.
func refusal(why string) error {
	if why == "" {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrPolicy, why)
}

func (k *Key) checkPin(pin string) error {
	if pin == "" || subtle.ConstantTimeCompare([]byte(strings.ToLower(pin)), []byte(k.Fingerprint())) == 1 {
		return nil
	}
	return fmt.Errorf("%w: fingerprint is %s, which is not the pinned one; compare them on the agent and correct `pin` or the key", ErrPolicy, k.Fingerprint())
}

// checkChain verifies the certificate's chain once and narrows the window of
// validity to that of the chain, so that Check need not verify signatures
// again.
func (k *Key) checkChain(roots *x509.CertPool) error {
	if roots == nil {
		return nil
	}
	certificate := k.Public.Certificate
	if certificate == nil {
		return fmt.Errorf("%w: a chain to ca_file is required, and a %s key has no certificate that could be verified", ErrPolicy, k.Public.Kind())
	}
	intermediates := x509.NewCertPool()
	for _, intermediate := range k.Public.Intermediates {
		intermediates.AddCert(intermediate)
	}
	chains, err := certificate.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   within(time.Now(), certificate),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return fmt.Errorf("%w: certificate does not chain to ca_file: %w; correct ca_file, or give the agent a certificate of that authority", ErrPolicy, err)
	}
	for _, link := range chains[0] {
		if link.NotBefore.After(k.notBefore) {
			k.notBefore = link.NotBefore
		}
		if link.NotAfter.Before(k.notAfter) {
			k.notAfter = link.NotAfter
		}
	}
	return nil
}

// within is the time nearest to now at which the certificate is valid: whether
// it is valid now is for Check to say.
func within(now time.Time, certificate *x509.Certificate) time.Time {
	switch {
	case now.Before(certificate.NotBefore):
		return certificate.NotBefore
	case now.After(certificate.NotAfter):
		return certificate.NotAfter
	}
	return now
}

func warnings(k *Key) []string {
	var out []string
	rsaKey, isRSA := k.Public.Key.(*rsa.PublicKey)
	if isRSA && rsaKey.N.BitLen() < 3072 {
		out = append(out, k.Public.Kind()+" has less than 128 bits of strength; use RSA-3072 or more, or EC")
	}
	if isRSA && k.Format.Legacy {
		out = append(out, fmt.Sprintf("format %s with RSA is legacy (PKCS #1 v1.5); use an EC key if the agent can", k.Format.Name))
	}
	return out
}
