package age

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/plugin"
	"golang.org/x/crypto/ssh"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/internal/strength"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

type recipient struct {
	id  string
	key age.Recipient
}

func newRecipient(publicKey any) (crypto.Recipient, error) {
	var key age.Recipient
	var err error
	switch public := publicKey.(type) {
	case *x509.Certificate:
		return newRecipient(public.PublicKey)
	case *age.X25519Recipient:
		key = public
	case *age.HybridRecipient:
		key = public
	case *plugin.Recipient:
		key, err = public, checkPlugin(public)
	case ed25519.PublicKey:
		key, err = newSSHRecipient(public)
	case *rsa.PublicKey:
		if err = strength.RSA(public); err == nil {
			key, err = newSSHRecipient(public)
		}
	default:
		err = fmt.Errorf("%w: age takes its own recipients, which begin with age1, and Ed25519 and RSA keys of SSH, not %s", crypto.ErrUnsupportedKey, keys.Kind(publicKey))
	}
	if err != nil {
		return nil, err
	}
	id, err := keys.ID(publicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
	}
	return &recipient{id: id, key: key}, nil
}

// checkPlugin refuses what plugin.Identity.Recipient returns: it has no
// encoding of its own, so nothing would tell two of them apart.
func checkPlugin(public *plugin.Recipient) error {
	if _, _, err := plugin.ParseRecipient(public.String()); err != nil {
		return fmt.Errorf("%w: give the recipient of plugin %s, which begins with age1%[2]s1, not its identity", crypto.ErrUnsupportedKey, public.Name())
	}
	return nil
}

func newSSHRecipient(publicKey any) (age.Recipient, error) {
	public, err := ssh.NewPublicKey(publicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
	}
	var key age.Recipient
	if public.Type() == ssh.KeyAlgoRSA {
		key, err = agessh.NewRSARecipient(public)
	} else {
		key, err = agessh.NewEd25519Recipient(public)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
	}
	return key, nil
}

func (r *recipient) KeyID() string { return r.id }

func (r *recipient) Seal(plaintext []byte) ([]byte, error) { return sealTo(plaintext, r) }

func sealTo(plaintext []byte, recipients ...crypto.Recipient) ([]byte, error) {
	var envelope bytes.Buffer
	w, err := sealStream(&envelope, recipients...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plaintext); err != nil {
		return nil, fmt.Errorf("seal with age: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("seal with age: %w", err)
	}
	return envelope.Bytes(), nil
}

func sealStream(envelope io.Writer, recipients ...crypto.Recipient) (io.WriteCloser, error) {
	if len(recipients) == 0 {
		return nil, fmt.Errorf("%w: there is no recipient to seal to", crypto.ErrUnsupportedKey)
	}
	all := &group{members: make([]*recipient, len(recipients))}
	for i, one := range recipients {
		var ok bool
		if all.members[i], ok = one.(*recipient); !ok {
			return nil, fmt.Errorf("%w: a %T is no recipient of age", crypto.ErrUnsupportedKey, one)
		}
	}
	w, err := age.Encrypt(envelope, all)
	if all.err != nil {
		return nil, all.err
	}
	if err != nil {
		return nil, fmt.Errorf("seal with age: %w", err)
	}
	return w, nil
}

// maxStanzas is how many stanzas a header may have for the library to read it.
const maxStanzas = 1024

// group is the recipients of one envelope as one, so that what goes wrong among
// them has a class, which age.Encrypt's own errors have not.
type group struct {
	members []*recipient
	// err is why wrapping failed; nil if it did not.
	err error
}

// Wrap implements age.Recipient; age.Encrypt calls WrapWithLabels instead.
func (g *group) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	stanzas, _, err := g.WrapWithLabels(fileKey)
	return stanzas, err
}

// WrapWithLabels holds the recipients to the rule of age.RecipientWithLabels:
// all of them have the same labels.
func (g *group) WrapWithLabels(fileKey []byte) (all []*age.Stanza, labels []string, err error) {
	defer func() { g.err = err }()
	for i, member := range g.members {
		stanzas, its, err := wrap(member.key, fileKey)
		if err != nil {
			return nil, nil, err
		}
		slices.Sort(its)
		if i > 0 && !slices.Equal(its, labels) {
			return nil, nil, incompatible(its, labels)
		}
		all, labels = append(all, stanzas...), its
	}
	if len(all) > maxStanzas {
		return nil, nil, fmt.Errorf("%w: an age envelope has at most %d recipients; seal several", crypto.ErrForbidden, maxStanzas)
	}
	return all, labels, nil
}

func wrap(key age.Recipient, fileKey []byte) (stanzas []*age.Stanza, labels []string, err error) {
	if labelled, ok := key.(age.RecipientWithLabels); ok {
		stanzas, labels, err = labelled.WrapWithLabels(fileKey)
	} else {
		stanzas, err = key.Wrap(fileKey)
	}
	if _, ok := key.(*plugin.Recipient); ok && err != nil {
		return nil, nil, pluginError(err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: age cannot seal to this key: %w", crypto.ErrForbidden, err)
	}
	return stanzas, labels, nil
}

func incompatible(a, b []string) error {
	const postQuantum = "postquantum"
	if slices.Contains(a, postQuantum) != slices.Contains(b, postQuantum) {
		return fmt.Errorf("%w: post-quantum and other age recipients in one envelope would leave it open to quantum computers; seal one envelope for each kind", crypto.ErrForbidden)
	}
	return fmt.Errorf("%w: age recipients labelled %q and %q must not be mixed; seal one envelope for each", crypto.ErrForbidden, a, b)
}

// pluginError says what a plugin reported, quoted, since it may be anything.
func pluginError(err error) error {
	if missing, ok := errors.AsType[*plugin.NotFoundError](err); ok {
		return fmt.Errorf("%w: the program age-plugin-%s is not on the PATH; install it", crypto.ErrUnsupportedKey, missing.Name)
	}
	return fmt.Errorf("%w: an age plugin failed: %.300q", crypto.ErrUnsupportedKey, err.Error())
}
