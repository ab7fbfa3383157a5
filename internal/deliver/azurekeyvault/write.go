package azurekeyvault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/azure/sealed"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// undoWithin is how long the deletion may take of what was recovered and could then not
// be written.
const undoWithin = 10 * time.Second

// set writes the envelope: first the parts, if it needs several, then the secret
// itself, which names them.
func (d *Destination) set(ctx context.Context, name string, delivery outbox.Delivery, there found) error {
	value, err := sealed.Encode(d.owner, delivery, d.config.Tags)
	if err != nil {
		return deliver.Final(err)
	}
	text := value.Parts[0]
	if len(value.Parts) > 1 {
		versions := make([]string, len(value.Parts))
		for i, part := range value.Parts {
			if versions[i], err = d.part(ctx, sealed.Part(name, i+1), part, value.Tags, delivery); err != nil {
				return fmt.Errorf("part %d of %d: %w", i+1, len(value.Parts), err)
			}
		}
		text = strings.Join(versions, "\n")
	}
	if there.held != nil && !there.held.Disabled && there.held.Statement() == delivery.Statement && there.held.Value == text {
		return nil // Nothing is written when nothing changed.
	}
	// Commit point: whoever reads the secret from here on gets this version.
	if _, err := d.write(ctx, name, text, value.Tags, delivery); err != nil {
		return err
	}
	if there.held == nil {
		return nil
	}
	return d.dropParts(ctx, name, len(value.Parts), there.held.Parts())
}

// part writes one part and returns its version. One that is there already as a try
// before this left it is taken as it is.
func (d *Destination) part(ctx context.Context, name, text string, tags map[string]string, delivery outbox.Delivery) (version string, err error) {
	if !d.config.SetOnly {
		there, err := d.client.GetSecret(ctx, name, "", nil)
		switch err = d.pace.Heed(err); {
		case err == nil && there.Value != nil && *there.Value == text && there.ID != nil:
			return there.ID.Version(), nil
		case err == nil:
			if _, err := d.read(ctx, name, delivery.Secret); err != nil {
				return "", err
			}
		case !errors.Is(err, azure.ErrNotFound) && !errors.Is(err, azure.ErrDisabled):
			return "", err
		}
	}
	return d.write(ctx, name, text, tags, delivery)
}

// dropParts does with the parts that are not needed any longer as is done with deleted
// secrets: those from keep on, or all but the first if there is only one.
func (d *Destination) dropParts(ctx context.Context, name string, now, before int) error {
	if before == 1 {
		return nil
	}
	keep := now
	if now == 1 {
		keep = 0 // The value is in the secret itself.
	}
	for part := keep + 1; part <= before; part++ {
		if err := d.remove(ctx, sealed.Part(name, part)); err != nil {
			return err
		}
	}
	return nil
}

// write sets a secret of the vault and returns its version. It waits while the name is
// busy, and does as the configuration says if it was deleted.
func (d *Destination) write(ctx context.Context, name, text string, tags map[string]string, delivery outbox.Delivery) (version string, err error) {
	parameters := azsecrets.SetSecretParameters{Value: &text, Tags: map[string]*string{}}
	for name, value := range tags {
		parameters.Tags[name] = &value
	}
	contentType := d.config.contentType(delivery.Format)
	parameters.ContentType = &contentType
	if d.config.ExpiresAfter > 0 {
		expires := time.Now().Add(d.config.ExpiresAfter)
		parameters.SecretAttributes = &azsecrets.SecretAttributes{Expires: &expires}
	}
	recovered := false
	err = azure.WhileBusy(ctx, func() error {
		if err := d.pace.Write(ctx); err != nil {
			return err
		}
		// A write whose answer was lost is not sent again here: the next attempt first
		// looks what is there.
		set, err := d.client.SetSecret(azure.Once(ctx), name, parameters, nil)
		if err != nil {
			return d.pace.Heed(err)
		}
		if set.ID != nil {
			version = set.ID.Version()
		}
		return nil
	}, func() (err error) {
		recovered, err = d.undelete(ctx, name, delivery)
		return err
	})
	if err != nil && recovered {
		// The old value must not stay published.
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
		defer cancel()
		_, undoErr := d.client.DeleteSecret(azure.Once(undo), name, nil)
		err = errors.Join(err, d.pace.Heed(undoErr))
	}
	return version, err
}

// undelete recovers or purges a secret that was deleted, as the configuration says. What
// is not ours or is newer stays as it is: recovered, it would be published again.
func (d *Destination) undelete(ctx context.Context, name string, delivery outbox.Delivery) (recovered bool, err error) {
	if d.config.SoftDeleted == fail {
		return false, deliver.After(fmt.Errorf("the vault's secret %s was deleted and is kept for recovery; set soft_deleted to recover or purge, or do so by hand", name), time.Now().Add(refusedFor))
	}
	deleted, err := d.client.GetDeletedSecret(ctx, name, nil)
	if err != nil {
		return false, d.pace.Heed(err)
	}
	held := sealed.Deleted(deleted.DeletedSecret)
	if err := held.Check(d.owner, delivery.Secret); err != nil {
		return false, deliver.Final(fmt.Errorf("the vault's deleted secret %s is not ours: %w; purge it, or choose another prefix", name, err))
	}
	if held.Version() > delivery.Version {
		return false, deliver.Final(fmt.Errorf("the vault's deleted secret %s has version %d, which is newer; purge it, then retry the delivery", name, held.Version()))
	}
	if d.config.SoftDeleted == purge {
		_, err = d.client.PurgeDeletedSecret(azure.Once(ctx), name, nil)
		return false, d.pace.Heed(err)
	}
	_, err = d.client.RecoverDeletedSecret(azure.Once(ctx), name, nil)
	return err == nil, d.pace.Heed(err)
}

// delete writes that the secret was deleted, and then takes its copy away.
func (d *Destination) delete(ctx context.Context, name string, delivery outbox.Delivery, there found) error {
	// One that somebody disabled has no value either.
	if there.deletion == nil || there.deletion.Statement() != delivery.Statement || there.deletion.Value != delivery.Statement {
		value, err := sealed.EncodeDeletion(d.owner, delivery, d.config.Tags)
		if err != nil {
			return deliver.Final(err)
		}
		// Commit point: whoever reads the secret from here on learns of the deletion,
		// whatever becomes of the copy.
		if _, err := d.write(ctx, sealed.Deletion(name), value.Parts[0], value.Tags, delivery); err != nil {
			return err
		}
	}
	if there.held == nil || there.held.Disabled && d.config.Delete == disable {
		return nil
	}
	if err := d.remove(ctx, name); err != nil {
		return err
	}
	return d.dropParts(ctx, name, 1, there.held.Parts())
}

// remove takes a copy away as the configuration says. One that is not there is fine.
func (d *Destination) remove(ctx context.Context, name string) error {
	if d.config.Delete == leave {
		return nil
	}
	if err := d.pace.Wait(ctx); err != nil {
		return err
	}
	err := azure.WhileBusy(ctx, func() error {
		if d.config.Delete == disable {
			no := false
			_, err := d.client.UpdateSecretProperties(azure.Once(ctx), name, "", azsecrets.UpdateSecretPropertiesParameters{SecretAttributes: &azsecrets.SecretAttributes{Enabled: &no}}, nil)
			return d.pace.Heed(err)
		}
		_, err := d.client.DeleteSecret(azure.Once(ctx), name, nil)
		return d.pace.Heed(err)
	}, nil)
	switch {
	case errors.Is(err, azure.ErrNotFound) && d.config.Delete == purge:
		return d.purge(ctx, name, 1) // An attempt before this one may have deleted it.
	case errors.Is(err, azure.ErrNotFound):
		return nil
	case err != nil || d.config.Delete != purge:
		return err
	}
	return d.purge(ctx, name, azure.Tries)
}

// purge removes what was deleted for good. It is found only when the deletion has
// ended; what is not found in so many tries is not there at all.
func (d *Destination) purge(ctx context.Context, name string, tries int) error {
	err := azure.UntilFound(ctx, tries, func() error {
		_, err := d.client.GetDeletedSecret(ctx, name, nil)
		return d.pace.Heed(err)
	})
	if errors.Is(err, azure.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = d.client.PurgeDeletedSecret(azure.Once(ctx), name, nil)
	return d.pace.Heed(err)
}
