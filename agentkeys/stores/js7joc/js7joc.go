// Package js7joc is the certificate store that is a JS7 JOC Cockpit: the encipherment
// certificates that it keeps, and which agents they are assigned to. It has no private
// keys.
package js7joc

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/js7joc"
	"github.com/sealrelay/sealrelay/internal/lazyregexp"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// Config is the store's part of the configuration, with the settings of Access to a
// JOC Cockpit.
type Config struct {
	Access js7joc.Access `yaml:",inline"`
	// Folder is where `sealrelay stores add` has the JOC Cockpit keep the Job Resource
	// of a certificate, such as /sealrelay. Default: nothing can be added
	Folder string `yaml:"folder"`
	// PrivateKeyPath is where the agents have the private key, which the JOC Cockpit
	// writes beside the certificate that is added. Default: it is left as it is
	PrivateKeyPath string `yaml:"private_key_path"`
	// Comment goes into the JOC Cockpit's audit log. Default: none
	Comment string `yaml:"comment"`
}

// agentPrefix is before an agent's ID in an alias that means the certificate that is
// assigned to that agent.
const agentPrefix = "agent:"

// tagAgents is the tag with the IDs of the agents that a certificate is assigned to.
const tagAgents = "agents"

var (
	aliasRule  = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	folderRule = lazyregexp.New(`^(/[^/\x00-\x20"'$\\]+)+$`)
)

// Store is a JOC Cockpit. It is safe for concurrent use.
type Store struct {
	config Config
	client *js7joc.Client
}

// New makes the store. path makes a path of the configuration absolute.
func New(config Config, path func(string) string) (*Store, error) {
	if config.Access.URL == "" {
		return nil, errors.New("url is required")
	}
	if config.Folder != "" && !folderRule().MatchString(config.Folder) {
		return nil, errors.New("folder is not a path such as /sealrelay")
	}
	if len(config.Comment) > 255 {
		return nil, errors.New("comment has more than 255 characters")
	}
	client, err := config.Access.Client(path, func(file string) (*secretbytes.Value, error) { return readSecret(path(file)) })
	if err != nil {
		return nil, err
	}
	return &Store{config, client}, nil
}

// maxPassword is the largest password, in bytes.
const maxPassword = 4096

func readSecret(name string) (*secretbytes.Value, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	read, err := secretbytes.ReadFrom(file, maxPassword)
	if err != nil {
		return nil, err
	}
	defer read.Wipe()
	var value *secretbytes.Value
	err = read.Expose(func(plain []byte) error {
		value = secretbytes.Copy([]byte(strings.TrimRight(string(plain), "\r\n")))
		return nil
	})
	return value, err
}

// in logs in, does something and logs out.
func (s *Store) in(ctx context.Context, do func(*js7joc.Session) error) error {
	session, err := s.client.Login(ctx)
	if err != nil {
		return classify(err)
	}
	defer session.Logout(ctx)
	return classify(do(session))
}

func classify(err error) error {
	refused, ok := errors.AsType[*js7joc.Error](err)
	switch {
	case ok && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden):
		return fmt.Errorf("%w: %w", stores.ErrDenied, err)
	case ok:
		return fmt.Errorf("%w: %w", stores.ErrUnreadable, err)
	}
	return err
}

// known is what the JOC Cockpit has.
type known struct {
	certificates []js7joc.Certificate
	agents       map[string][]string
}

func read(ctx context.Context, session *js7joc.Session) (k known, err error) {
	if k.certificates, err = session.Certificates(ctx); err != nil {
		return k, err
	}
	k.agents, err = session.Assignments(ctx)
	return k, err
}

func (k known) entry(certificate js7joc.Certificate) stores.Entry {
	entry := stores.Entry{Alias: certificate.Alias, Private: stores.PrivateNone}
	if agents := k.agents[certificate.Alias]; len(agents) > 0 {
		entry.Tags = map[string]string{tagAgents: strings.Join(agents, ",")}
	}
	if entry.Key, entry.Problem = keys.ParsePublic([]byte(certificate.PEM)); entry.Problem != nil {
		entry.Problem = fmt.Errorf("%w: %w", stores.ErrUnreadable, entry.Problem)
	}
	return entry
}

// Inventory implements stores.Store.
func (s *Store) Inventory(ctx context.Context) iter.Seq2[stores.Entry, error] {
	return func(yield func(stores.Entry, error) bool) {
		var all known
		err := s.in(ctx, func(session *js7joc.Session) (err error) {
			all, err = read(ctx, session)
			return err
		})
		if err != nil {
			yield(stores.Entry{}, err)
			return
		}
		for _, certificate := range all.certificates {
			if !yield(all.entry(certificate), nil) {
				return
			}
		}
	}
}

// Lookup implements stores.Store. The alias "agent:ID" means the one certificate that is
// assigned to that agent.
func (s *Store) Lookup(ctx context.Context, alias string) (entry stores.Entry, err error) {
	err = s.in(ctx, func(session *js7joc.Session) error {
		all, err := read(ctx, session)
		if err == nil {
			entry, err = all.find(alias)
		}
		return err
	})
	return entry, err
}

func (k known) find(alias string) (stores.Entry, error) {
	wanted := func(certificate js7joc.Certificate) bool { return certificate.Alias == alias }
	if agent, is := strings.CutPrefix(alias, agentPrefix); is {
		wanted = func(certificate js7joc.Certificate) bool { return slices.Contains(k.agents[certificate.Alias], agent) }
	}
	var found []js7joc.Certificate
	for _, certificate := range k.certificates {
		if wanted(certificate) {
			found = append(found, certificate)
		}
	}
	switch len(found) {
	case 0:
		return stores.Entry{}, fmt.Errorf("%w: the JOC Cockpit has no certificate for %s", stores.ErrNotFound, alias)
	case 1:
		entry := k.entry(found[0])
		return entry, entry.Problem
	}
	return stores.Entry{}, fmt.Errorf("%w: %s has %d certificates, %s and others; name one of them", stores.ErrInvalid, alias, len(found), found[0].Alias)
}

// Add implements stores.Adder: it stores the certificate, without those that it was
// issued by, and assigns it to the agents of the tag "agents", separated by commas. With
// KeepTags those that it is assigned to stay.
func (s *Store) Add(ctx context.Context, addition stores.Addition) (outcome stores.Outcome, err error) {
	if err := s.checkAddition(addition); err != nil {
		return stores.Outcome{}, err
	}
	err = s.in(ctx, func(session *js7joc.Session) error {
		outcome, err = s.add(ctx, session, addition)
		return err
	})
	return outcome, err
}

func (s *Store) checkAddition(addition stores.Addition) error {
	switch {
	case s.config.Folder == "":
		return fmt.Errorf("%w: the store has no `folder`, in which the JOC Cockpit keeps the Job Resource of a certificate", stores.ErrInvalid)
	case !aliasRule().MatchString(addition.Alias):
		return fmt.Errorf("%w: alias %q is not letters, digits and _.-", stores.ErrInvalid, addition.Alias)
	case addition.Private != nil || addition.NotExportable:
		return fmt.Errorf("%w: a JOC Cockpit takes no private keys; leave it out with --no-private-key, and put it where the agent is", stores.ErrInvalid)
	}
	for tag := range addition.Tags {
		if tag != tagAgents {
			return fmt.Errorf("%w: the only tag here is %q, the IDs of agents", stores.ErrInvalid, tagAgents)
		}
	}
	return stores.CheckAddition(addition)
}

func (s *Store) add(ctx context.Context, session *js7joc.Session, addition stores.Addition) (stores.Outcome, error) {
	all, err := read(ctx, session)
	if err != nil {
		return stores.Outcome{}, err
	}
	there, err := all.find(addition.Alias)
	absent := errors.Is(err, stores.ErrNotFound)
	if err != nil && !absent && there.Problem == nil {
		return stores.Outcome{}, err
	}
	before := all.agents[addition.Alias]
	agents := agentsOf(addition, before)
	wanted := js7joc.Certificate{Alias: addition.Alias, PEM: string(leaf(addition.Certificates)), PrivateKeyPath: s.config.PrivateKeyPath}
	outcome, err := stores.Decide(there, absent, known{agents: map[string][]string{addition.Alias: agents}}.entry(wanted), addition)
	if err != nil || outcome.Did == stores.DidNothing {
		return outcome, err
	}
	if outcome.Notes, err = s.overwritten(ctx, session, addition); err != nil {
		return stores.Outcome{}, err
	}
	if addition.DryRun {
		return outcome, nil
	}
	// Commit point of the certificate. What follows can be repeated: the same addition
	// again assigns what is missing.
	if err := session.StoreCertificate(ctx, wanted, s.config.Folder, s.config.Comment); err != nil {
		return stores.Outcome{}, err
	}
	for _, agent := range agents {
		if err := session.Assign(ctx, addition.Alias, agent); err != nil {
			return stores.Outcome{}, fmt.Errorf("%w: the certificate is stored, but not assigned to agent %s: %w", stores.ErrPartly, agent, err)
		}
	}
	for _, agent := range before {
		if slices.Contains(agents, agent) {
			continue
		}
		if err := session.Unassign(ctx, addition.Alias, agent); err != nil {
			return stores.Outcome{}, fmt.Errorf("%w: the certificate is stored, but still assigned to agent %s: %w", stores.ErrPartly, agent, err)
		}
	}
	return outcome, nil
}

// agentsOf are those that the certificate is to be assigned to.
func agentsOf(addition stores.Addition, before []string) []string {
	var agents []string
	if addition.KeepTags {
		agents = slices.Clone(before)
	}
	for agent := range strings.SplitSeq(addition.Tags[tagAgents], ",") {
		if agent = strings.TrimSpace(agent); agent != "" && !slices.Contains(agents, agent) {
			agents = append(agents, agent)
		}
	}
	slices.Sort(agents)
	return agents
}

// overwritten says what the JOC Cockpit does to the Job Resource of the alias's name,
// which it overwrites and moves without a word. One in another folder is somebody
// else's, unless overwriting was asked for.
func (s *Store) overwritten(ctx context.Context, session *js7joc.Session, addition stores.Addition) ([]string, error) {
	to := path.Join(s.config.Folder, addition.Alias)
	found, err := session.Find(ctx, addition.Alias)
	refused, ok := errors.AsType[*js7joc.Error](err)
	switch {
	case ok && refused.Code == js7joc.CodeNotFound:
		return []string{"the JOC Cockpit makes the Job Resource " + to}, nil
	case err != nil:
		return nil, err
	case !addition.Overwrite:
		return nil, fmt.Errorf("%w: there is a Job Resource %s, which the JOC Cockpit would overwrite and move to %s; to have it do so, say so", stores.ErrExists, found.Path, to)
	case found.Path != to:
		return []string{"the JOC Cockpit overwrites arguments of the Job Resource " + found.Path + " and moves it to " + to}, nil
	}
	return []string{"the JOC Cockpit overwrites arguments of the Job Resource " + to}, nil
}

// leaf is the first certificate of a PEM file: a JOC Cockpit takes one only.
func leaf(certificates []byte) []byte {
	block, _ := pem.Decode(certificates)
	if block == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})
}

// Remove implements stores.Remover. The Job Resource of the certificate stays.
func (s *Store) Remove(ctx context.Context, removal stores.Removal) (stores.Outcome, error) {
	outcome := stores.Outcome{Did: stores.DidRemove, Notes: []string{"its Job Resource stays in the JOC Cockpit"}}
	err := s.in(ctx, func(session *js7joc.Session) error {
		all, err := read(ctx, session)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all.certificates, func(c js7joc.Certificate) bool { return c.Alias == removal.Alias }) {
			return fmt.Errorf("%w: the JOC Cockpit has no certificate %s", stores.ErrNotFound, removal.Alias)
		}
		if removal.DryRun {
			return nil
		}
		return session.DeleteCertificate(ctx, removal.Alias, s.config.Comment)
	})
	if err != nil {
		return stores.Outcome{}, err
	}
	return outcome, nil
}
