package azurekeyvault

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azcertificates"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/azure"
)

// The forms in which a vault keeps a certificate with its key.
const (
	contentPEM    = "application/x-pem-file"
	contentPKCS12 = "application/x-pkcs12"
)

// undoWithin is how long the deletion may take of what was recovered and could then not
// be written.
const undoWithin = 10 * time.Second

// Add implements stores.Adder. Whether there is an entry is decided by an answer that
// says so; any other answer ends it.
func (s *Store) Add(ctx context.Context, addition stores.Addition) (stores.Outcome, error) {
	if err := s.checkAddition(addition); err != nil {
		return stores.Outcome{}, err
	}
	there, err := s.Lookup(ctx, addition.Alias)
	absent := errors.Is(err, stores.ErrNotFound) || err == nil && there.Key == nil
	if err != nil && !absent {
		return stores.Outcome{}, err
	}
	addition.Tags = merged(there.Tags, addition.Tags, addition.KeepTags)
	if err := checkTags(addition.Tags); err != nil {
		return stores.Outcome{}, err
	}
	outcome, err := stores.Decide(there, absent, wanted(addition), addition)
	if err != nil || outcome.Did == stores.DidNothing {
		return outcome, err
	}
	if addition.DryRun {
		return outcome, s.checkDeleted(ctx, addition, absent)
	}
	return s.write(ctx, addition, there, outcome)
}

func (s *Store) checkAddition(addition stores.Addition) error {
	if !aliasRule().MatchString(addition.Alias) {
		return fmt.Errorf("%w: alias %q is not up to 127 letters, digits and hyphens", stores.ErrInvalid, addition.Alias)
	}
	if addition.Private == nil {
		return fmt.Errorf("%w: a vault takes a certificate with its private key only", stores.ErrInvalid)
	}
	if err := stores.CheckAddition(addition); err != nil {
		return err
	}
	if err := checkTags(addition.Tags); err != nil {
		return err
	}
	public, err := keys.PublicOf(addition.Private)
	if err != nil {
		return fmt.Errorf("%w: %w", stores.ErrInvalid, err)
	}
	_, err = keyProperties(public, true)
	return err
}

// wanted is the entry that the vault then shows: the certificate alone.
func wanted(addition stores.Addition) stores.Entry {
	entry := stores.Entry{Alias: addition.Alias, Private: stores.PrivateExportable, Tags: addition.Tags}
	if addition.NotExportable {
		entry.Private = stores.PrivateKept
	}
	if public, err := keys.ParsePublic(addition.Certificates); err == nil {
		public.Intermediates = nil
		entry.Key = public
	}
	return entry
}

// checkDeleted has a dry run say that the alias is taken by what was deleted, where it
// may look.
func (s *Store) checkDeleted(ctx context.Context, addition stores.Addition, absent bool) error {
	if !absent || addition.Recover {
		return nil
	}
	_, err := s.client.GetDeletedCertificate(ctx, addition.Alias, nil)
	if err == nil {
		return deletedError(addition.Alias)
	}
	return nil
}

func deletedError(alias string) error {
	return fmt.Errorf("%w: %s; recover it, which is asked for with the addition, or purge it", stores.ErrDeleted, alias)
}

// write imports the certificate. It waits while the name is busy.
func (s *Store) write(ctx context.Context, addition stores.Addition, there stores.Entry, outcome stores.Outcome) (stores.Outcome, error) {
	recovered := false
	err := azure.WhileBusy(ctx, func() error {
		parameters, err := s.parameters(ctx, addition, there.Key != nil || recovered)
		if err != nil {
			return err
		}
		if err := s.pace.Write(ctx); err != nil {
			return err
		}
		got, err := s.client.ImportCertificate(azure.Once(ctx), addition.Alias, parameters, nil)
		if err == nil && got.ID != nil {
			outcome.Version = got.ID.Version()
		}
		return s.pace.Heed(err)
	}, func() (err error) {
		addition.Tags, err = s.undelete(ctx, addition)
		recovered = err == nil
		return err
	})
	if err != nil {
		if recovered {
			// The old certificate must not stay in use.
			undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
			defer cancel()
			_, undoErr := s.client.DeleteCertificate(azure.Once(undo), addition.Alias, nil)
			if undoErr != nil {
				return stores.Outcome{}, fmt.Errorf("%w: %s was recovered and is in use again, and could neither be replaced nor deleted: %w", stores.ErrPartly, addition.Alias, s.explain(errors.Join(err, s.pace.Heed(undoErr))))
			}
		}
		return stores.Outcome{}, s.explain(err)
	}
	if recovered {
		outcome.Did = stores.DidRecover
	}
	return outcome, nil
}

// undelete recovers what was deleted under the alias, if the addition allows that, and
// returns the tags to write then: those of before are not lost.
func (s *Store) undelete(ctx context.Context, addition stores.Addition) (map[string]string, error) {
	if !addition.Recover {
		return nil, deletedError(addition.Alias)
	}
	if !addition.Overwrite {
		return nil, fmt.Errorf("%w: %s was deleted and can be recovered; to replace it then, say so", stores.ErrExists, addition.Alias)
	}
	deleted, err := s.client.GetDeletedCertificate(ctx, addition.Alias, nil)
	if err != nil {
		return nil, s.pace.Heed(err)
	}
	tags := merged(plain(deleted.Tags), addition.Tags, addition.KeepTags)
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	_, err = s.client.RecoverDeletedCertificate(azure.Once(ctx), addition.Alias, nil)
	return tags, s.pace.Heed(err)
}

// parameters are those of the import. Who reads the certificate from the vault as a
// secret finds it in the form that it had.
func (s *Store) parameters(ctx context.Context, addition stores.Addition, replaces bool) (azcertificates.ImportCertificateParameters, error) {
	content := contentPKCS12
	if replaces {
		policy, err := s.client.GetCertificatePolicy(ctx, addition.Alias, nil)
		if err != nil {
			return azcertificates.ImportCertificateParameters{}, s.pace.Heed(err)
		}
		if policy.SecretProperties != nil && policy.SecretProperties.ContentType != nil {
			content = *policy.SecretProperties.ContentType
		}
	}
	public, err := keys.PublicOf(addition.Private)
	if err != nil {
		return azcertificates.ImportCertificateParameters{}, err
	}
	properties, err := keyProperties(public, !addition.NotExportable)
	if err != nil {
		return azcertificates.ImportCertificateParameters{}, err
	}
	out := azcertificates.ImportCertificateParameters{
		Tags: pointers(addition.Tags),
		CertificatePolicy: &azcertificates.CertificatePolicy{
			KeyProperties:    properties,
			SecretProperties: &azcertificates.SecretProperties{ContentType: &content},
			IssuerParameters: &azcertificates.IssuerParameters{Name: to.Ptr("Unknown")},
		},
	}
	return out, encode(&out, addition, content)
}

// encode puts the certificate with its key into the parameters. The SDK takes a string,
// so that the key stays in memory until that is collected.
func encode(out *azcertificates.ImportCertificateParameters, addition stores.Addition, content string) error {
	if content == contentPEM {
		private, err := keys.MarshalPrivate(addition.Private, nil)
		if err != nil {
			return err
		}
		defer clear(private)
		out.Base64EncodedCertificate = to.Ptr(string(private) + string(addition.Certificates))
		return nil
	}
	password := []byte(rand.Text())
	defer clear(password)
	pfx, err := keys.SendPKCS12(addition.Private, addition.Certificates, addition.Alias, password)
	if err != nil {
		return err
	}
	out.Base64EncodedCertificate = to.Ptr(base64.StdEncoding.EncodeToString(pfx))
	out.Password = to.Ptr(string(password))
	return nil
}

// Remove implements stores.Remover. It returns once the deletion, and the purge, have
// ended.
func (s *Store) Remove(ctx context.Context, removal stores.Removal) (stores.Outcome, error) {
	outcome := stores.Outcome{Did: stores.DidRemove}
	if removal.Purge {
		outcome.Did = stores.DidPurge
	}
	_, err := s.Lookup(ctx, removal.Alias)
	if errors.Is(err, stores.ErrNotFound) && removal.Purge { // It may have been deleted before.
		_, err = s.client.GetDeletedCertificate(ctx, removal.Alias, nil)
		err = s.explain(err)
	}
	if err != nil {
		return stores.Outcome{}, err
	}
	if removal.DryRun {
		return outcome, nil
	}
	err = azure.WhileBusy(ctx, func() error {
		_, err := s.client.DeleteCertificate(azure.Once(ctx), removal.Alias, nil)
		return s.pace.Heed(err)
	}, nil)
	if err != nil && !errors.Is(err, azure.ErrNotFound) {
		return stores.Outcome{}, s.explain(err)
	}
	err = azure.UntilFound(ctx, azure.Tries, func() error {
		_, err := s.client.GetDeletedCertificate(ctx, removal.Alias, nil)
		return s.pace.Heed(err)
	})
	if err != nil {
		return stores.Outcome{}, fmt.Errorf("%w: the deletion has not ended yet: %w", stores.ErrPartly, s.explain(err))
	}
	if !removal.Purge {
		return outcome, nil
	}
	if _, err = s.client.PurgeDeletedCertificate(azure.Once(ctx), removal.Alias, nil); err != nil {
		return stores.Outcome{}, fmt.Errorf("%w: %s is deleted, and not purged: %w", stores.ErrPartly, removal.Alias, s.explain(err))
	}
	return outcome, nil
}

// der are the certificates of a PEM file.
func der(certificates []byte) (out [][]byte) {
	for {
		var block *pem.Block
		if block, certificates = pem.Decode(certificates); block == nil {
			return out
		}
		if block.Type == "CERTIFICATE" {
			out = append(out, block.Bytes)
		}
	}
}
