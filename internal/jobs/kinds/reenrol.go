package kinds

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/jobs"
)

// ReEnrol is a job that replaces a certificate by a new one for a new key.
type ReEnrol struct {
	Target `yaml:",inline"`
	// Subject is whose the certificate is, such as CN=web,O=Example. Required.
	Subject string `yaml:"subject" json:"subject"`
	// Names are those that it is to have besides: a host, an IP address, an email
	// address or URI:... Default: none
	Names []string `yaml:"names" json:"names,omitempty"`
	// Key is the kind of key: rsa-2048, rsa-3072, rsa-4096, ec-p256, ec-p384 or
	// ec-p521. Default: rsa-2048
	Key string `yaml:"key" json:"key,omitempty"`
	// Tags are set, where the store has such, beside those that are there. Default: none
	Tags map[string]string `yaml:"tags" json:"tags,omitempty"`
	// NotExportable has the store never give away the private key. Default: false
	NotExportable bool `yaml:"not_exportable" json:"not_exportable,omitempty"`
	// RenewBefore leaves a certificate in use that is valid for longer than that, so
	// that the job may run every day. Default: it is renewed always
	RenewBefore time.Duration `yaml:"renew_before" json:"renew_before,omitempty"`
}

// keyKinds are those of the keys that authorities of X.509 sign.
var keyKinds = []string{"rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384", "ec-p521"}

func (s *ReEnrol) check() error {
	if err := s.Target.check(); err != nil {
		return err
	}
	if s.Key == "" {
		s.Key = keyKinds[0]
	}
	switch {
	case s.Subject == "":
		return errors.New("subject is required")
	case !slices.Contains(keyKinds, s.Key):
		return fmt.Errorf("key: %q is not %s", s.Key, strings.Join(keyKinds, ", "))
	case s.RenewBefore < 0:
		return errors.New("renew_before must not be negative")
	}
	if _, err := keys.ParseSubject(s.Subject); err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	for _, name := range s.Names {
		if _, err := keys.NormalName(name); err != nil {
			return fmt.Errorf("names: %w", err)
		}
	}
	return nil
}

// template is what the request is to say.
func (s ReEnrol) template() (keys.Template, error) {
	subject, err := keys.ParseSubject(s.Subject)
	if err != nil {
		return keys.Template{}, err
	}
	template := keys.Template{Subject: subject}
	for _, name := range s.Names {
		normal, err := keys.NormalName(name)
		if err != nil {
			return keys.Template{}, err
		}
		template.Names = append(template.Names, normal)
	}
	return template, nil
}

// reEnrol puts out the outcome. The certificate in use stays until the new one is in its
// place. A store that makes keys itself keeps a request that was not finished, and the
// next run finishes it; for others the key is made here, and is in the store with its
// certificate or nowhere.
func reEnrol(ctx context.Context, env Env, settings ReEnrol, task jobs.Task) (jobs.Report, error) {
	_, store, err := open[stores.Store](env, settings.Store, "")
	if err != nil {
		return jobs.Report{}, err
	}
	until, err := inUse(ctx, store, settings.Alias)
	if err != nil {
		return jobs.Report{}, fmt.Errorf("store %s: %s: %w", settings.Store, settings.Alias, err)
	}
	if settings.RenewBefore > 0 && time.Now().Add(settings.RenewBefore).Before(until) {
		return jobs.Report{Message: fmt.Sprintf("%s: lasts until %s, nothing to do", settings.Alias, until.UTC().Format(time.RFC3339))}, nil
	}
	switch able := store.(type) {
	case stores.Enroller:
		return inStore(ctx, able, settings, task)
	case stores.Adder:
		return keyHere(ctx, able, settings, task)
	}
	return jobs.Report{}, fmt.Errorf("store %s: %w: nothing can be put into a store of this kind", settings.Store, stores.ErrInvalid)
}

// inUse is until when the certificate lasts that may be used now; zero if there is none.
func inUse(ctx context.Context, store stores.Store, alias string) (time.Time, error) {
	entry, err := store.Lookup(ctx, alias)
	switch {
	case errors.Is(err, stores.ErrNotFound):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, err
	case entry.Problem != nil:
		return time.Time{}, entry.Problem
	case entry.Key == nil || entry.Disabled:
		return time.Time{}, nil
	}
	return entry.Key.NotAfter, nil
}

// inStore has the store make the key.
func inStore(ctx context.Context, store stores.Enroller, settings ReEnrol, task jobs.Task) (jobs.Report, error) {
	template, err := settings.template()
	if err != nil {
		return jobs.Report{}, err
	}
	csr, requested, err := store.Request(ctx, stores.Enrolment{
		Alias: settings.Alias, Kind: settings.Key, Template: template, Tags: settings.Tags, NotExportable: settings.NotExportable,
	})
	if err != nil {
		return jobs.Report{}, fmt.Errorf("store %s: %s: %w", settings.Store, settings.Alias, err)
	}
	undone := jobs.Report{Message: settings.Alias + ": a request is under way, which the next run finishes; the certificate in use stays", Changed: settings.Store}
	issued, err := signed(ctx, task, csr)
	if err != nil {
		return undone, err
	}
	outcome, err := store.Finish(ctx, settings.Alias, issued.text, false)
	if err != nil {
		return undone, fmt.Errorf("store %s: %s: the certificate was issued, but could not be put in place: %w", settings.Store, settings.Alias, err)
	}
	outcome.Notes = append(requested.Notes, outcome.Notes...)
	return renewed(task, settings, outcome, issued)
}

// keyHere makes the key here.
func keyHere(ctx context.Context, store stores.Adder, settings ReEnrol, task jobs.Task) (jobs.Report, error) {
	template, err := settings.template()
	if err != nil {
		return jobs.Report{}, err
	}
	pair, err := keys.New(settings.Key, keys.NewOptions{})
	if err != nil {
		return jobs.Report{}, err
	}
	clear(pair.Private)
	addition := stores.Addition{
		Alias: settings.Alias, Private: pair.Keys[0], Overwrite: true,
		Tags: settings.Tags, KeepTags: true, NotExportable: settings.NotExportable, DryRun: true,
	}
	// What the store would refuse is not to be issued.
	template.NotBefore, template.NotAfter = time.Now(), time.Now().Add(time.Hour)
	if addition.Certificates, err = template.Certificate(pair.Keys[0]); err != nil {
		return jobs.Report{}, err
	}
	if _, err := store.Add(ctx, addition); err != nil {
		return jobs.Report{}, fmt.Errorf("store %s: %s: %w", settings.Store, settings.Alias, err)
	}
	csr, err := template.Request(pair.Keys[0])
	if err != nil {
		return jobs.Report{}, err
	}
	issued, err := signed(ctx, task, csr)
	if err != nil {
		return jobs.Report{Message: settings.Alias + ": the certificate in use stays"}, err
	}
	addition.Certificates, addition.DryRun = issued.text, false
	outcome, err := store.Add(ctx, addition)
	if err != nil {
		return jobs.Report{}, fmt.Errorf("store %s: %s: the certificate was issued, but could not be put in place: %w", settings.Store, settings.Alias, err)
	}
	return renewed(task, settings, outcome, issued)
}

// renewed reports that a certificate is in place.
func renewed(task jobs.Task, settings ReEnrol, outcome stores.Outcome, issued certificates) (jobs.Report, error) {
	outcome.Notes = append(outcome.Notes, "the new certificate lasts until "+issued.until.UTC().Format(time.RFC3339))
	return changed(task, settings.Store, settings.Alias, outcome)
}

// certificates are what an authority issued, as PEM, and until when the first lasts.
type certificates struct {
	text  []byte
	until time.Time
}

// signed has a request signed, and checks what comes back.
func signed(ctx context.Context, task jobs.Task, csr []byte) (certificates, error) {
	block, _ := pem.Decode(csr)
	if block == nil {
		return certificates{}, fmt.Errorf("%w: the request is no PEM", stores.ErrUnreadable)
	}
	text, err := task.Sign(ctx, csr)
	if err != nil {
		return certificates{}, err
	}
	public, err := keys.ParsePublic(text)
	if err == nil && public.Certificate == nil {
		err = errors.New("there is no certificate")
	}
	if err == nil {
		err = stores.CheckRequest(block.Bytes, public)
	}
	if err == nil {
		err = checkChain(append([]*x509.Certificate{public.Certificate}, public.Intermediates...), time.Now())
	}
	if err != nil {
		return certificates{}, fmt.Errorf("what the authority issued: %w", err)
	}
	return certificates{text, public.NotAfter}, nil
}

// checkChain says whether each certificate is valid at that time and signed by the next
// one, as far as they go.
func checkChain(chain []*x509.Certificate, at time.Time) error {
	for i, certificate := range chain {
		if at.Before(certificate.NotBefore) || at.After(certificate.NotAfter) {
			return fmt.Errorf("%s is valid from %s to %s, which is not now", certificate.Subject,
				certificate.NotBefore.UTC().Format(time.RFC3339), certificate.NotAfter.UTC().Format(time.RFC3339))
		}
		if i == len(chain)-1 {
			return nil
		}
		issuer := chain[i+1]
		if !bytes.Equal(certificate.RawIssuer, issuer.RawSubject) {
			return fmt.Errorf("%s is followed by %s, which is not who issued it", certificate.Subject, issuer.Subject)
		}
		if err := certificate.CheckSignatureFrom(issuer); err != nil {
			return fmt.Errorf("%s is not signed by %s: %w", certificate.Subject, issuer.Subject, err)
		}
	}
	return nil
}
