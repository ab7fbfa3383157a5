package kinds

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/directory"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

// CASync is a job that keeps the certificates of an authority in a store: what it issued,
// from a folder, or its roots, from an address. Exactly one of the two must be named.
type CASync struct {
	// Directory is a folder with certificates, PEM or DER (.pem, .crt, .cer, .der), not
	// those in folders in it.
	Directory string `yaml:"directory" json:"directory,omitempty"`
	// Roots is the HTTPS address that answers with the roots: PEM, or JSON as step-ca's
	// /roots has it. One of Trust and Fingerprint is required with it.
	Roots string `yaml:"roots" json:"roots,omitempty"`
	// Trust is a PEM file with the authorities that may issue the certificate of that
	// address.
	Trust string `yaml:"trust" json:"trust,omitempty"`
	// Fingerprint, sha256: and 64 hex digits, is that of the root which must be among
	// the answer, and have issued the certificate of that address.
	Fingerprint string `yaml:"fingerprint" json:"fingerprint,omitempty"`
	// Store is the name of the store. Required.
	Store string `yaml:"store" json:"store"`
	// AliasPrefix begins the aliases of what the job puts there; the first 16 hex digits
	// of the certificate's SHA-256 follow, and .pem in a folder. Default: ca-
	AliasPrefix string `yaml:"alias_prefix" json:"alias_prefix,omitempty"`
	// Remove takes out what has such an alias and is not the authority's any more.
	// Default: false
	Remove bool `yaml:"remove" json:"remove,omitempty"`
}

var (
	prefixRule      = lazyregexp.New(`^[a-z0-9][a-z0-9._-]{0,39}$`)
	fingerprintRule = lazyregexp.New(`^sha256:[0-9a-f]{64}$`)
)

func (s *CASync) check() error {
	if s.AliasPrefix == "" {
		s.AliasPrefix = "ca-"
	}
	switch {
	case s.Store == "":
		return errStore
	case (s.Directory == "") == (s.Roots == ""):
		return errors.New("one of directory and roots is required")
	case s.Directory != "" && (s.Trust != "" || s.Fingerprint != ""):
		return errors.New("trust and fingerprint are for roots only")
	case s.Roots != "" && (s.Trust == "") == (s.Fingerprint == ""):
		return errors.New("one of trust and fingerprint is required with roots")
	case s.Fingerprint != "" && !fingerprintRule().MatchString(s.Fingerprint):
		return errors.New("fingerprint is not sha256: and 64 hex digits in lower case")
	case !prefixRule().MatchString(s.AliasPrefix):
		return errors.New("alias_prefix is not lower-case letters, digits, ., _ and -, 40 at most")
	case s.Roots == "":
		return nil
	}
	at, err := url.Parse(s.Roots)
	if err != nil || at.Scheme != "https" || at.Hostname() == "" || at.User != nil || at.Fragment != "" {
		return errors.New("roots is no https address without a user and a fragment")
	}
	return nil
}

func (s *CASync) locate(path func(string) string) {
	if s.Directory != "" {
		s.Directory = path(s.Directory)
	}
	if s.Trust != "" {
		s.Trust = path(s.Trust)
	}
}

// source is what an authority has.
type source struct {
	certificates []*keys.Public
	// unread are the files that cannot be read, each with the reason.
	unread []string
}

// follow is what a run has done so far.
type follow struct {
	task     jobs.Task
	settings CASync
	// theirs matches the aliases that the job gives.
	theirs *regexp.Regexp
	suffix string
	now    time.Time

	added, removed, unchanged, expired int
	problems                           []string
	// held is why nothing was taken out that should have been.
	held string
}

// followed is a line of the output.
type followed struct {
	Alias       string     `json:"alias"`
	Did         string     `json:"did,omitempty"`
	Subject     string     `json:"subject,omitempty"`
	NotAfter    *time.Time `json:"not_after,omitempty"`
	Fingerprint string     `json:"fingerprint,omitempty"`
	Expired     bool       `json:"expired,omitempty"`
	Problem     string     `json:"problem,omitempty"`
}

// caSync puts out a line for each change, each certificate that has expired, and each
// problem. Nothing is taken out if the authority's certificates could not all be read and
// put in place.
func caSync(ctx context.Context, env Env, settings CASync, task jobs.Task) (jobs.Report, error) {
	store, adder, err := open[stores.Adder](env, settings.Store, "nothing can be put into a store of this kind")
	if err != nil {
		return jobs.Report{}, err
	}
	remover, removes := store.(stores.Remover)
	if settings.Remove && !removes {
		return jobs.Report{}, fmt.Errorf("store %s: %w: nothing can be taken out of a store of this kind", settings.Store, stores.ErrInvalid)
	}
	from, err := settings.read(ctx)
	if err != nil {
		return jobs.Report{}, err
	}
	if len(from.certificates) == 0 {
		return jobs.Report{}, errors.New(strings.Join(append([]string{"the authority has no certificate that can be read, so that nothing was done"}, from.unread[:min(len(from.unread), shownOf)]...), "; "))
	}
	f := &follow{task: task, settings: settings, now: time.Now()}
	if _, ok := store.(*directory.Store); ok {
		f.suffix = directory.Extensions[0]
	}
	f.theirs = regexp.MustCompile("^" + regexp.QuoteMeta(settings.AliasPrefix) + "[0-9a-f]{16}" + regexp.QuoteMeta(f.suffix) + "$")
	there, err := f.inventory(ctx, store)
	if err != nil {
		return jobs.Report{}, fmt.Errorf("store %s: the list broke off, so that nothing was done: %w", settings.Store, err)
	}
	for _, file := range from.unread {
		if err := f.problem("", file); err != nil {
			return f.report(), err
		}
	}
	wanted, err := f.add(ctx, adder, from.certificates, there)
	if err == nil && settings.Remove {
		err = f.remove(ctx, remover, wanted, there)
	}
	if err == nil && f.added+f.unchanged == 0 {
		err = fmt.Errorf("store %s: none of the certificates could be put there", settings.Store)
	}
	return f.report(), err
}

func (s CASync) read(ctx context.Context) (source, error) {
	if s.Directory != "" {
		return readFolder(ctx, s.Directory)
	}
	certificates, err := s.fetch(ctx)
	return source{certificates: certificates}, err
}

// inventory is what of the job's is in the store.
func (f *follow) inventory(ctx context.Context, store stores.Store) (map[string]stores.Entry, error) {
	there := map[string]stores.Entry{}
	for entry, err := range store.Inventory(ctx) {
		if err != nil {
			return nil, err
		}
		if f.theirs.MatchString(entry.Alias) {
			there[entry.Alias] = entry
		}
	}
	return there, nil
}

// add puts in what is not there yet, and returns the aliases of all that the authority
// has. What the store does not take of one certificate does not keep others out.
func (f *follow) add(ctx context.Context, adder stores.Adder, certificates []*keys.Public, there map[string]stores.Entry) (map[string]bool, error) {
	wanted := map[string]bool{}
	for _, public := range certificates {
		digest := sha256.Sum256(public.CertificateDER)
		alias := f.settings.AliasPrefix + hex.EncodeToString(digest[:8]) + f.suffix
		if wanted[alias] {
			continue
		}
		wanted[alias] = true
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		did := stores.DidNothing
		if entry, ok := there[alias]; ok {
			if entry.Problem != nil || entry.Key == nil || !bytes.Equal(entry.Key.CertificateDER, public.CertificateDER) {
				if err := f.problem(alias, "what is there is another certificate, or cannot be read; it was not replaced"); err != nil {
					return nil, err
				}
				continue
			}
		} else {
			outcome, err := adder.Add(ctx, stores.Addition{Alias: alias, Certificates: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public.CertificateDER})})
			switch {
			case errors.Is(err, stores.ErrInvalid), errors.Is(err, stores.ErrExists), errors.Is(err, stores.ErrDeleted):
				if err := f.problem(alias, err.Error()); err != nil {
					return nil, err
				}
				continue
			case err != nil:
				return nil, fmt.Errorf("store %s: %s: %w", f.settings.Store, alias, err)
			}
			did = outcome.Did
		}
		if err := f.did(alias, did, public); err != nil {
			return nil, err
		}
	}
	return wanted, nil
}

// remove takes out what the authority has no more, but not all that was there at once.
func (f *follow) remove(ctx context.Context, remover stores.Remover, wanted map[string]bool, there map[string]stores.Entry) error {
	var gone []stores.Entry
	kept := false
	for _, alias := range slices.Sorted(maps.Keys(there)) {
		if wanted[alias] {
			kept = true
			continue
		}
		gone = append(gone, there[alias])
	}
	switch {
	case len(gone) == 0:
		return nil
	case len(f.problems) > 0:
		f.held = "nothing was taken out, as not everything could be read or put in place"
		return nil
	case !kept:
		// The next run takes them out, if the authority still has what was added now.
		f.held = fmt.Sprintf("the authority has none of the %d that were there; they stay until the next run", len(gone))
		return nil
	}
	for _, entry := range gone {
		if entry.Problem != nil || entry.Key == nil || entry.Private == stores.PrivateExportable || entry.Private == stores.PrivateKept {
			if err := f.problem(entry.Alias, "it has a private key or cannot be read, so that it is not of this job; it was not taken out"); err != nil {
				return err
			}
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		outcome, err := remover.Remove(ctx, stores.Removal{Alias: entry.Alias})
		if errors.Is(err, stores.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("store %s: %s: %w", f.settings.Store, entry.Alias, err)
		}
		if err := f.did(entry.Alias, outcome.Did, entry.Key); err != nil {
			return err
		}
	}
	return nil
}

// did counts what was done with a certificate, and puts it out if it is to be seen.
func (f *follow) did(alias string, did stores.Did, public *keys.Public) error {
	expired := f.now.After(public.NotAfter)
	switch did {
	case stores.DidNothing:
		f.unchanged++
	case stores.DidRemove, stores.DidPurge:
		f.removed++
		expired = false
	default:
		f.added++
	}
	if expired {
		f.expired++
	}
	if did == stores.DidNothing && !expired {
		return nil
	}
	shown := followed{Alias: alias, Did: string(did), NotAfter: &public.NotAfter, Fingerprint: public.Fingerprint(), Expired: expired}
	if issued, ok := public.Issued(); ok {
		shown.Subject = issued.Subject.String()
	}
	return line(f.task, shown)
}

func (f *follow) problem(alias, problem string) error {
	f.problems = append(f.problems, strings.TrimPrefix(alias+": "+problem, ": "))
	return line(f.task, followed{Alias: alias, Problem: problem})
}

// report is of what was done, also if an error ended it.
func (f *follow) report() jobs.Report {
	report := jobs.Report{
		Warning: len(f.problems) > 0 || f.held != "",
		Message: fmt.Sprintf("%d added, %d removed, %d unchanged", f.added, f.removed, f.unchanged),
	}
	if f.expired > 0 {
		report.Message += fmt.Sprintf(", %d expired", f.expired)
	}
	if len(f.problems) > 0 {
		report.Message += fmt.Sprintf("; %d with a problem: %s", len(f.problems), strings.Join(f.problems[:min(len(f.problems), shownOf)], "; "))
	}
	if f.held != "" {
		report.Message += "; " + f.held
	}
	if f.added+f.removed > 0 {
		report.Changed = f.settings.Store
	}
	return report
}
