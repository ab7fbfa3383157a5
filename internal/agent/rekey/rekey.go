// Package rekey gives an agent its next key: it makes one on the agent's host, has
// the service take it on the word of the present signing key, and keeps the keys
// before for as long as something is sealed for them.
package rekey

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/agent/private"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/durable"
	"github.com/sealrelay/sealrelay/internal/enrol"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// The files of the folder beside the keys, which are agent*.key. Each has the name
// of a key file in it.
const (
	// present is the key that the service took last.
	presentFile = "present"
	// next is the key that is being registered.
	nextFile = "next"
)

// Pattern matches the key files of the folder.
const Pattern = "agent*.key"

// within bounds the exchange with the service.
const within = 30 * time.Second

// Rekeyer is not safe for concurrent use. Of two processes that work on one folder at
// the same time each may register a key of its own: both keys stay in the folder and
// open, and Prune removes nothing until the next key is registered.
type Rekeyer struct {
	// Agent is the agent's name, Dir the folder of its keys.
	Agent, Dir string
	// Signing is the agent's present signing key, which stays.
	Signing ed25519.PrivateKey
	// URL is the service's, https://HOST; HTTP makes the connection.
	URL  string
	HTTP *http.Client
}

// Close wipes the signing key and closes connections.
func (r *Rekeyer) Close() {
	clear(r.Signing)
	r.HTTP.CloseIdleConnections()
}

// Next makes the next key and registers it. After an error or a crash, call it
// again: it goes on with the key that it made. The answer's state is approved; or
// pending, if an operator has to decide, after which the next call tells what
// became of it. A key that was denied is removed, and an error says so.
func (r *Rekeyer) Next(ctx context.Context, now time.Time) (enrol.Answer, error) {
	name, err := r.next(now)
	if err != nil {
		return enrol.Answer{}, err
	}
	answer, err := r.register(ctx, name, now)
	if err != nil {
		return answer, err
	}
	switch answer.State {
	case string(outbox.Requested):
		return answer, nil
	case string(outbox.Denied):
		return answer, errors.Join(errors.New("the service denied the key, which is removed; ask its operator"), r.remove(name), r.remove(nextFile))
	case string(outbox.Approved):
		if err := r.mark(presentFile, name); err != nil {
			return answer, err
		}
	}
	// Replaced: it was in use for a while, so that it stays, and the next call
	// makes another. Only now is the next call free to make a new key.
	return answer, r.remove(nextFile)
}

// next is the name of the key file to register, which is there then. The name is
// durable before the key, and the key before it is sent: whatever is sealed for it
// can be opened after a crash.
func (r *Rekeyer) next(now time.Time) (string, error) {
	name, err := r.marked(nextFile)
	if err != nil {
		return "", err
	}
	if name == "" {
		name = "agent-" + now.UTC().Format("20060102T150405.000000Z") + ".key"
		if err := r.mark(nextFile, name); err != nil {
			return "", err
		}
	}
	path := filepath.Join(r.Dir, name)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return name, err
	}
	made, _, err := keys.Generate("age-pq")
	if err != nil {
		return "", err
	}
	defer clear(made)
	return name, durable.WritePath(path, made, durable.Options{Mode: 0o600})
}

// register has the service take the key of that file.
func (r *Rekeyer) register(ctx context.Context, name string, now time.Time) (enrol.Answer, error) {
	public, err := r.public(name)
	if err != nil {
		return enrol.Answer{}, err
	}
	text, err := public.Text()
	if err != nil {
		return enrol.Answer{}, err
	}
	body, err := enrol.NewBody(r.Agent, strings.TrimSpace(string(text)), r.Signing, now)
	if err != nil {
		return enrol.Answer{}, err
	}
	if body.Endorsement, err = enrol.Endorse(r.Signing, body.Request); err != nil {
		return enrol.Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return enrol.Send(ctx, r.HTTP, r.URL, body)
}

// Pruned is what Prune found.
type Pruned struct {
	enrol.Answer
	// Removed and Kept are files of keys before the present one.
	Removed []string `json:"removed"`
	Kept    []string `json:"kept"`
}

// Prune removes the keys before the present one for which nothing is sealed any
// more: nothing of what the agent has, which needed tells by key ID, and nothing
// of what the service has for it.
func (r *Rekeyer) Prune(ctx context.Context, needed map[string]bool, now time.Time) (Pruned, error) {
	pruned := Pruned{Removed: []string{}, Kept: []string{}}
	older, err := r.older()
	if err != nil || len(older) == 0 {
		return pruned, err
	}
	present, err := r.marked(presentFile)
	if err != nil {
		return pruned, err
	}
	if pruned.Answer, err = r.register(ctx, present, now); err != nil {
		return pruned, err
	}
	if pruned.State != string(outbox.Approved) {
		return pruned, fmt.Errorf("%s is not the key that the service seals for (it is %s there); nothing is removed", present, pruned.State)
	}
	for _, name := range older {
		public, err := r.public(name)
		if err != nil {
			return pruned, err
		}
		id, err := keys.ID(public.Key)
		if err != nil {
			return pruned, err
		}
		if needed[id] || pruned.Older > 0 {
			pruned.Kept = append(pruned.Kept, name)
			continue
		}
		if err := r.remove(name); err != nil {
			return pruned, err
		}
		pruned.Removed = append(pruned.Removed, name)
	}
	return pruned, nil
}

// older are the key files but for the present one and the next.
func (r *Rekeyer) older() ([]string, error) {
	present, err := r.marked(presentFile)
	if err != nil || present == "" {
		return nil, err // Nothing was ever rotated here.
	}
	next, err := r.marked(nextFile)
	if err != nil {
		return nil, err
	}
	found, err := filepath.Glob(filepath.Join(r.Dir, Pattern))
	if err != nil {
		return nil, err
	}
	var older []string
	for _, path := range found {
		if name := filepath.Base(path); name != present && name != next {
			older = append(older, name)
		}
	}
	slices.Sort(older)
	return older, nil
}

func (r *Rekeyer) public(name string) (*keys.Public, error) {
	path := filepath.Join(r.Dir, name)
	if err := private.CheckFile(path); err != nil {
		return nil, err
	}
	data, err := config.ReadBounded(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	found, err := keys.ParsePrivate(data, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	public, err := keys.PublicOf(found)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &keys.Public{Key: public}, nil
}

// mark writes the name of a key file into one of the two files beside them.
func (r *Rekeyer) mark(file, name string) error {
	return durable.WritePath(filepath.Join(r.Dir, file), []byte(name+"\n"), durable.Options{Mode: 0o600})
}

// marked is what mark wrote; empty if there is no such file.
func (r *Rekeyer) marked(file string) (string, error) {
	data, err := config.ReadBounded(filepath.Join(r.Dir, file))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	name := strings.TrimSpace(string(data))
	if match, err := filepath.Match(Pattern, name); err != nil || !match || filepath.Base(name) != name {
		return "", fmt.Errorf("the file %s of the key folder does not name a key file, %s; remove it, or write the name into it", file, Pattern)
	}
	return name, nil
}

func (r *Rekeyer) remove(name string) error {
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return durable.Remove(root, name)
}
