package azurekeyvault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/azure/sealed"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/layout"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Verify implements deliver.Verifiable. Where no values may be read it looks at what
// stands beside them, as also with set_only: a value that was exchanged under the same
// tags is not seen then. While the vault is throttled it waits.
func (d *Destination) Verify(ctx context.Context, delivery outbox.Delivery) (deliver.Finding, error) {
	unlock, err := layout.Lock(ctx, d.Place(), delivery.Secret)
	if err != nil {
		return deliver.Finding{}, err
	}
	defer unlock()
	name := sealed.Name(d.config.Prefix, delivery.Secret)
	for try := 1; ; try++ {
		finding, err := d.verify(ctx, name, delivery)
		// What is asked next waits for the end of the pause.
		if !errors.Is(err, azure.ErrThrottled) || try == azure.Tries {
			return finding, err
		}
	}
}

func (d *Destination) verify(ctx context.Context, name string, delivery outbox.Delivery) (deliver.Finding, error) {
	held, err := d.sight(ctx, name)
	if err != nil {
		return deliver.Finding{}, err
	}
	deletion, err := d.sight(ctx, sealed.Deletion(name))
	if err != nil {
		return deliver.Finding{}, err
	}
	for _, there := range []*seen{held, deletion} {
		if there == nil {
			continue
		}
		if err := there.Check(d.owner, delivery.Secret); err != nil {
			return changed("the vault's secret %s is not ours: %v", there.name, err), nil
		}
	}
	if deletion != nil && deletion.Disabled {
		return changed("the vault's secret %s is disabled, so that nobody can read the newest version", deletion.name), nil
	}
	return d.compare(ctx, delivery, held, deletion)
}

// compare holds the newest version that is there against the delivery.
func (d *Destination) compare(ctx context.Context, delivery outbox.Delivery, held, deletion *seen) (deliver.Finding, error) {
	newest := held
	if deletion != nil && (held == nil || deletion.Version() > held.Version()) {
		newest = deletion
	}
	switch {
	case newest == nil:
		return d.missing(ctx, delivery.Secret), nil
	case newest.Version() < delivery.DeliveredVersion && held == nil && delivery.Operation == "set":
		return d.missing(ctx, delivery.Secret), nil
	case newest.Version() < delivery.DeliveredVersion:
		return deliver.Finding{State: deliver.Older, Detail: fmt.Sprintf("version %d is there", newest.Version())}, nil
	case newest.Version() > delivery.Version:
		return changed("version %d is there, which the outbox does not know", newest.Version()), nil
	case newest == held && held.Disabled:
		return changed("the vault's secret %s is disabled", held.name), nil
	case newest.Version() != delivery.Version:
		return intact, nil // Of that version the outbox has the number only.
	case delivery.Operation == "set" && newest == held:
		return d.verifySet(ctx, delivery, held)
	case delivery.Operation != "set" && newest == deletion:
		return d.verifyDeletion(delivery, held, deletion)
	}
	return changed("the vault's secret %s claims to be version %d, which was to %s the secret", newest.name, newest.Version(), delivery.Operation), nil
}

// verifySet compares a secret that has the delivery's version with its envelope.
func (d *Destination) verifySet(ctx context.Context, delivery outbox.Delivery, held *seen) (deliver.Finding, error) {
	want, err := sealed.Encode(d.owner, delivery, nil)
	if err != nil {
		return deliver.Finding{}, err
	}
	if finding := held.tags(want); finding != intact {
		return finding, nil
	}
	if held.unread {
		return d.verifyParts(ctx, held)
	}
	envelope, err := sealed.Envelope(ctx, d.client, d.pace, held.name, held.Held)
	switch {
	case errors.Is(err, azure.ErrNotFound), errors.Is(err, azure.ErrDisabled), errors.Is(err, sealed.ErrDamaged):
		return changed("the vault's secret %s cannot be put together: %v", held.name, err), nil
	case err != nil:
		return deliver.Finding{}, err
	case !bytes.Equal(envelope, delivery.Envelope):
		return changed("the value of the vault's secret %s is another one", held.name), nil
	}
	return intact, nil
}

// verifyParts says whether the parts of a value that may not be read are there, in some
// version.
func (d *Destination) verifyParts(ctx context.Context, held *seen) (deliver.Finding, error) {
	if held.Parts() == 1 {
		return intact, nil
	}
	for i := range held.Parts() {
		part, err := d.sight(ctx, sealed.Part(held.name, i+1))
		switch {
		case err != nil:
			return deliver.Finding{}, err
		case part == nil:
			return changed("part %d of %d is not there", i+1, held.Parts()), nil
		case part.Disabled:
			return changed("part %d of %d is disabled", i+1, held.Parts()), nil
		}
	}
	return intact, nil
}

// verifyDeletion looks whether it is still said that the secret was deleted, and its
// copy still out of reach.
func (d *Destination) verifyDeletion(delivery outbox.Delivery, held, deletion *seen) (deliver.Finding, error) {
	want, err := sealed.EncodeDeletion(d.owner, delivery, nil)
	if err != nil {
		return deliver.Finding{}, err
	}
	switch finding := deletion.tags(want); {
	case finding != intact:
		return finding, nil
	case !deletion.unread && deletion.Value != delivery.Statement:
		return changed("the value of the vault's secret %s is another one", deletion.name), nil
	case d.config.Delete != leave && held != nil && !held.Disabled:
		return changed("the copy of the deleted secret, version %d, can be read in the vault", held.Version()), nil
	}
	return intact, nil
}

// missing is what is found where there is nothing. Whether it is kept for recovery is
// told if that may be asked.
func (d *Destination) missing(ctx context.Context, secret string) deliver.Finding {
	name := sealed.Name(d.config.Prefix, secret)
	detail := fmt.Sprintf("there is no secret %s in the vault", name)
	if d.pace.Wait(ctx) == nil {
		if _, err := d.client.GetDeletedSecret(ctx, name, nil); d.pace.Heed(err) == nil {
			detail += "; somebody deleted it, and it is kept for recovery"
		}
	}
	return deliver.Finding{State: deliver.Missing, Detail: detail}
}

var intact = deliver.Finding{State: deliver.Intact}

func changed(format string, arguments ...any) deliver.Finding {
	return deliver.Finding{State: deliver.Changed, Detail: fmt.Sprintf(format, arguments...)}
}

// seen is what could be seen of a secret of the vault.
type seen struct {
	sealed.Held
	name string
	// unread: its value may not be read.
	unread bool
}

// tags compares the tags that are ours with those that were written.
func (s *seen) tags(want sealed.Value) deliver.Finding {
	for _, tag := range slices.Sorted(maps.Keys(want.Tags)) {
		if s.Tags[tag] != want.Tags[tag] {
			return changed("the tag %q of the vault's secret %s is another one", tag, s.name)
		}
	}
	return intact
}

// sight looks at a secret of the vault; nil if there is none.
func (d *Destination) sight(ctx context.Context, name string) (*seen, error) {
	there := &seen{name: name, unread: d.config.SetOnly}
	var err error
	if !there.unread {
		there.Held, err = sealed.Get(ctx, d.client, d.pace, name, "")
		there.unread = errors.Is(err, azure.ErrMissingRole)
	}
	if there.unread || errors.Is(err, azure.ErrDisabled) {
		there.Held, err = sealed.Properties(ctx, d.client, d.pace, name)
	}
	if errors.Is(err, azure.ErrNotFound) {
		return nil, nil //nolint:nilnil // That is what it says.
	}
	if err != nil {
		return nil, err
	}
	return there, nil
}
