// Package sealed is how sealed copies of secrets lie in an Azure Key Vault: what they
// are called there, what their tags say, and how they are read back.
//
// A secret P of an agent is the vault's secret PREFIX + the lower-case hex SHA-256 of
// P: Key Vault has no other characters than letters, digits and hyphens, and no case,
// so that anything closer to the name would let two secrets be one. Its tags have the
// names as they are and the signed statement, in pieces. What is larger than a value
// may be lies in further secrets, of which the value then is the list. A secret that
// was deleted has a second one, whose value is the statement of the deletion.
package sealed

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// The limits of Key Vault that this package works with.
const (
	maxValue = 25_600
	maxTag   = 256
	maxTags  = 15
	// MaxPrefix leaves room for the digest and for what is appended to it, within
	// the 127 characters of a name.
	MaxPrefix = 127 - 2*sha256.Size - len("-p999")
	// maxParts is how many version IDs a value can list.
	maxParts = maxValue / (versionID + 1)
	// MaxEnvelope is the largest envelope, in bytes, that is not text.
	MaxEnvelope = maxParts * maxValue / 4 * 3
	versionID   = 32
)

// ownTags is how many tags are ours at most, and so not free for the operator's.
const ownTags = 11

// MaxTags is how many tags an operator can add.
const MaxTags = maxTags - ownTags

// The names of the tags.
const (
	tagOwner     = "sealrelay"
	tagAgent     = "agent"
	tagSecret    = "secret"
	tagVersion   = "version"
	tagOperation = "operation"
	tagEncoding  = "encoding"
	tagParts     = "parts"
	tagStatement = "statement-" // and 1, 2, ...
	inBase64     = "base64"
)

// Owner is whose the copies are, by which those of others are known.
type Owner struct{ Issuer, Agent string }

// Name is what a secret is called in the vault.
func Name(prefix, secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return prefix + hex.EncodeToString(sum[:])
}

// Deletion is the name of the secret that says that one was deleted.
func Deletion(name string) string { return name + "-d" }

// Part is the name of the secret with a part of another's value, from 1.
func Part(name string, part int) string { return name + "-p" + strconv.Itoa(part) }

// Prefix is the usual start of the names of an agent's secrets. It is another one for
// each agent, and none is the start of another, so that a role may be limited by it.
// Letters and digits but x stand for themselves, any other byte is x and two
// hexadecimal digits.
func Prefix(agent string) string {
	var b strings.Builder
	for _, c := range []byte(agent) {
		if (c >= 'a' && c <= 'z' && c != 'x') || (c >= '0' && c <= '9') {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "x%02x", c)
		}
	}
	encoded := b.String()
	if len(encoded) > MaxPrefix-len("agent--") {
		sum := sha256.Sum256([]byte(agent))
		// No agent's own name gives an x with another letter behind it.
		encoded = "xh" + hex.EncodeToString(sum[:16])
	}
	return "agent-" + encoded + "-"
}

// ErrTooLarge says that the envelope does not fit, in however many parts.
var ErrTooLarge = fmt.Errorf("the envelope is larger than the %d bytes that a vault can hold", MaxEnvelope)

// Value is what is to be written for a delivery.
type Value struct {
	// Parts are the values of the parts; a single one is the value itself.
	Parts []string
	Tags  map[string]string
}

// Encode is what a delivery that sets writes, with the operator's tags.
func Encode(owner Owner, d outbox.Delivery, extra map[string]string) (Value, error) {
	tags, err := tagsOf(owner, d, extra)
	if err != nil {
		return Value{}, err
	}
	text := string(d.Envelope)
	if !printable(text) {
		text = base64.StdEncoding.EncodeToString(d.Envelope)
		tags[tagEncoding] = inBase64
	}
	v := Value{Tags: tags}
	for len(text) > maxValue {
		v.Parts = append(v.Parts, text[:maxValue])
		text = text[maxValue:]
	}
	v.Parts = append(v.Parts, text)
	if len(v.Parts) > maxParts {
		return Value{}, ErrTooLarge
	}
	if len(v.Parts) > 1 {
		tags[tagParts] = strconv.Itoa(len(v.Parts))
	}
	return v, nil
}

// EncodeDeletion is what a delivery that deletes writes under Deletion.
func EncodeDeletion(owner Owner, d outbox.Delivery, extra map[string]string) (Value, error) {
	tags, err := tagsOf(owner, d, extra)
	return Value{Parts: []string{d.Statement}, Tags: tags}, err
}

// printable says whether a value keeps its bytes: what is UTF-8 without control
// characters but those of lines. What is cut into parts is ASCII.
func printable(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, c := range text {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func tagsOf(owner Owner, d outbox.Delivery, extra map[string]string) (map[string]string, error) {
	tags := maps.Clone(extra)
	if tags == nil {
		tags = map[string]string{}
	}
	tags[tagOwner], tags[tagVersion], tags[tagOperation] = owner.Issuer, strconv.FormatInt(d.Version, 10), d.Operation
	for name, value := range map[string]string{tagAgent: d.Agent, tagSecret: d.Secret} {
		if len(value) <= maxTag { // What is longer is in the statement only.
			tags[name] = value
		}
	}
	rest := d.Statement
	for i := 1; rest != ""; i++ {
		piece := rest[:min(len(rest), maxTag)]
		tags[tagStatement+strconv.Itoa(i)], rest = piece, rest[len(piece):]
	}
	// Encoding and parts may come to it.
	if len(tags)+2 > maxTags {
		return nil, fmt.Errorf("the statement and the tags come to %d tags, and a vault's secret has %d at most; set fewer tags, or use a shorter issuer", len(tags)+2, maxTags)
	}
	return tags, nil
}

// Held is what a secret of the vault holds.
type Held struct {
	// Value is empty where it may not or need not be read.
	Value string
	Tags  map[string]string
	// Disabled: its value cannot be read.
	Disabled bool
	// Managed: it belongs to a certificate.
	Managed bool
}

// Check says whether what is held is the owner's, for the secret.
func (h Held) Check(owner Owner, secret string) error {
	switch {
	case h.Managed:
		return errors.New("it belongs to a certificate")
	case h.Tags[tagOwner] == "":
		return fmt.Errorf("it has no tag %q, so somebody else made it", tagOwner)
	case h.Tags[tagOwner] != owner.Issuer:
		return fmt.Errorf("its tag %q says that it is of the issuer %q", tagOwner, h.Tags[tagOwner])
	case len(owner.Agent) <= maxTag && h.Tags[tagAgent] != owner.Agent:
		return fmt.Errorf("its tags say that it is of the agent %q", h.Tags[tagAgent])
	case len(secret) <= maxTag && h.Tags[tagSecret] != secret:
		return fmt.Errorf("its tags say that it is the secret %q", h.Tags[tagSecret])
	}
	return nil
}

// Statement is the signed statement in the tags; empty if there is none.
func (h Held) Statement() string {
	var b strings.Builder
	for i := 1; ; i++ {
		piece, ok := h.Tags[tagStatement+strconv.Itoa(i)]
		if !ok {
			return b.String()
		}
		b.WriteString(piece)
	}
}

// Version is that of the secret, 0 if the tags do not say.
func (h Held) Version() int64 {
	version, err := strconv.ParseInt(h.Tags[tagVersion], 10, 64)
	if err != nil || version < 0 {
		return 0
	}
	return version
}

// Parts is how many parts the value has, 1 if it is whole.
func (h Held) Parts() int {
	parts, err := strconv.Atoi(h.Tags[tagParts])
	if err != nil || parts < 1 || parts > maxParts {
		return 1
	}
	return parts
}

// Reserved says whether a tag is one of ours.
func Reserved(tag string) bool {
	switch tag {
	case tagOwner, tagAgent, tagSecret, tagVersion, tagOperation, tagEncoding, tagParts:
		return true
	}
	return strings.HasPrefix(tag, tagStatement)
}

// Deleted is what is kept of a secret that was deleted.
func Deleted(secret azsecrets.DeletedSecret) Held {
	return Held{Tags: plain(secret.Tags), Managed: secret.Managed != nil && *secret.Managed}
}

// Get reads a secret of the vault, the newest version or the one that is named. The
// error is azure.ErrNotFound if there is none, and azure.ErrDisabled if it is disabled.
func Get(ctx context.Context, client *azsecrets.Client, pace *azure.Pace, name, version string) (Held, error) {
	if err := pace.Wait(ctx); err != nil {
		return Held{}, err
	}
	got, err := client.GetSecret(ctx, name, version, nil)
	if err != nil {
		return Held{}, pace.Heed(err)
	}
	h := Held{Tags: plain(got.Tags), Managed: got.Managed != nil && *got.Managed}
	if got.Value != nil {
		h.Value = *got.Value
	}
	return h, nil
}

// plain is the SDK's map without pointers.
func plain(tags map[string]*string) map[string]string {
	out := make(map[string]string, len(tags))
	for name, value := range tags {
		if value != nil {
			out[name] = *value
		}
	}
	return out
}

// Properties reads what stands beside the value of a secret's newest version, which
// needs no right to read values. The versions come in no order, so all are looked at.
func Properties(ctx context.Context, client *azsecrets.Client, pace *azure.Pace, name string) (Held, error) {
	pager := client.NewListSecretPropertiesVersionsPager(name, nil)
	var newest *azsecrets.SecretProperties
	for pager.More() {
		if err := pace.Wait(ctx); err != nil {
			return Held{}, err
		}
		page, err := pager.NextPage(ctx)
		if err != nil {
			return Held{}, pace.Heed(err)
		}
		for _, p := range page.Value {
			if p.Attributes != nil && p.Attributes.Created != nil && (newest == nil || !p.Attributes.Created.Before(*newest.Attributes.Created)) {
				newest = p
			}
		}
	}
	if newest == nil {
		return Held{}, azure.ErrNotFound
	}
	return Held{
		Tags:     plain(newest.Tags),
		Disabled: newest.Attributes.Enabled != nil && !*newest.Attributes.Enabled,
		Managed:  newest.Managed != nil && *newest.Managed,
	}, nil
}

// Copy is what the vault has of a secret.
type Copy struct {
	// Envelope is nil if the secret was deleted.
	Envelope  []byte
	Statement string
}

// ErrDamaged says that what is there is not what was written.
var ErrDamaged = errors.New("the copy in the vault is damaged")

// Read reads the newest copy of a secret. Who reads verifies the statement, which is
// what makes it more than a claim of whoever may write to the vault. The error is
// azure.ErrNotFound if there is none.
func Read(ctx context.Context, client *azsecrets.Client, pace *azure.Pace, prefix, secret string) (Copy, error) {
	name := Name(prefix, secret)
	there, err := Get(ctx, client, pace, name, "")
	missing := errors.Is(err, azure.ErrNotFound) || errors.Is(err, azure.ErrDisabled)
	if err != nil && !missing {
		return Copy{}, err
	}
	gone, goneErr := Get(ctx, client, pace, Deletion(name), "")
	switch {
	case goneErr == nil && (missing || gone.Version() > there.Version()):
		return Copy{Statement: gone.Value}, nil
	case goneErr != nil && !errors.Is(goneErr, azure.ErrNotFound) && !errors.Is(goneErr, azure.ErrDisabled):
		// One that somebody disabled says nothing any longer, and must not keep a newer
		// copy from being read: by its statement an older one is known to be older.
		return Copy{}, goneErr
	case missing:
		return Copy{}, err
	}
	envelope, err := Envelope(ctx, client, pace, name, there)
	if err != nil {
		return Copy{}, err
	}
	return Copy{Envelope: envelope, Statement: there.Statement()}, nil
}

// Envelope is the one that a secret of the vault holds, put together of its parts if it
// has several. A part that is gone is azure.ErrNotFound.
func Envelope(ctx context.Context, client *azsecrets.Client, pace *azure.Pace, name string, there Held) ([]byte, error) {
	text := there.Value
	if there.Parts() > 1 {
		var err error
		if text, err = join(ctx, client, pace, name, there); err != nil {
			return nil, err
		}
	}
	if there.Tags[tagEncoding] != inBase64 {
		return []byte(text), nil
	}
	envelope, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not base64", ErrDamaged)
	}
	return envelope, nil
}

// join reads the parts, each in the version that was written for this one: the parts
// of a newer one may be there already.
func join(ctx context.Context, client *azsecrets.Client, pace *azure.Pace, name string, there Held) (string, error) {
	versions := strings.Split(there.Value, "\n")
	if len(versions) != there.Parts() {
		return "", fmt.Errorf("%w: it lists %d parts of %d", ErrDamaged, len(versions), there.Parts())
	}
	var b strings.Builder
	for i, version := range versions {
		if len(version) != versionID {
			return "", fmt.Errorf("%w: its list of parts is none", ErrDamaged)
		}
		part, err := Get(ctx, client, pace, Part(name, i+1), version)
		if err != nil {
			return "", fmt.Errorf("part %d of %d: %w", i+1, len(versions), err)
		}
		b.WriteString(part.Value)
	}
	return b.String(), nil
}
