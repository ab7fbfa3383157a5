//go:build unix

package crashtest

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/agent"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// expected is what must be found in a state of the disk.
type expected struct {
	// acks were acknowledged before.
	acks []ack
	// events are those that made each version of each secret, acknowledged
	// before or after.
	events map[version]event
	// digests are those of all envelopes ever signed; nil if not known.
	digests map[string]bool
}

type version struct {
	secret string
	number int64
}

// findings are what is wrong with a state of the disk, in words.
type findings struct {
	// lost are acknowledged events that are not there, or not wholly.
	lost []string
	// corrupt is what is wrong with the database.
	corrupt []string
	// torn is what is wrong with the delivered files.
	torn []string
	// delivered and pending count the deliveries.
	delivered, pending int
}

func (f *findings) lose(format string, args ...any) {
	f.lost = append(f.lost, fmt.Sprintf(format, args...))
}

func (f *findings) spoil(format string, args ...any) {
	f.corrupt = append(f.corrupt, fmt.Sprintf(format, args...))
}

func (f *findings) tear(format string, args ...any) {
	f.torn = append(f.torn, fmt.Sprintf(format, args...))
}

func (f *findings) bad() bool { return len(f.lost)+len(f.corrupt)+len(f.torn) > 0 }

func (f *findings) String() string {
	return fmt.Sprintf("%d lost (%s), %d corrupt (%s), %d torn (%s)",
		len(f.lost), some(f.lost), len(f.corrupt), some(f.corrupt), len(f.torn), some(f.torn))
}

func some(list []string) string { return strings.Join(list[:min(len(list), 3)], "; ") }

// inspect opens the outbox below state as the service does, which recovers it,
// and compares.
func (s *site) inspect(ctx context.Context, state string, want expected) *findings {
	f := &findings{}
	path := filepath.Join(state, "data", "outbox.db")
	store, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		f.spoil("open: %v", err)
		for _, a := range want.acks {
			f.lose("%s", a.id)
		}
		return f
	}
	rows := s.inspectOutbox(ctx, f, store, want)
	if err := store.Close(); err != nil {
		f.spoil("close: %v", err)
	}
	if err := integrity(ctx, path); err != nil {
		f.spoil("%v", err)
	}
	for _, row := range rows {
		s.inspectFiles(f, state, row, want)
	}
	return f
}

func (s *site) inspectOutbox(ctx context.Context, f *findings, store outbox.Outbox, want expected) map[outbox.Key]outbox.Delivery {
	newest := map[string]int64{}
	for _, a := range want.acks {
		newest[a.secret] = max(newest[a.secret], a.version)
		prior, err := store.Prior(ctx, source, a.id, a.secret)
		var answer wire.Answer
		switch {
		case err != nil:
			f.spoil("prior: %v", err)
		case prior.Answer == nil:
			f.lose("%s: not known", a.id)
		case json.Unmarshal(prior.Answer, &answer) != nil || answer.Version != a.version || prior.Version < a.version:
			f.lose("%s: version %d and not %d, secret at %d", a.id, answer.Version, a.version, prior.Version)
		}
	}
	rows := map[outbox.Key]outbox.Delivery{}
	list, err := store.List(ctx, outbox.Filter{Limit: 1 << 20})
	if err != nil {
		f.spoil("list: %v", err)
	}
	for _, row := range list {
		rows[row.Key] = row
	}
	for secret, number := range newest {
		for _, agent := range s.agents {
			key := outbox.Key{Agent: agent.name, Destination: "folder", Secret: secret}
			if rows[key].Version < number {
				f.lose("%v: delivery of version %d and not %d", key, rows[key].Version, number)
			}
		}
	}
	var chain audit.Chain
	if err := store.Audit(ctx, 1, chain.Next); err != nil {
		f.spoil("%v", err)
	}
	return rows
}

// integrity asks SQLite.
func integrity(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("integrity_check: %s", verdict)
	}
	return nil
}

// inspectFiles compares the folder of an agent with a row of the outbox.
// Whatever is in the folder is whole and was signed by the service, and of a
// version that is committed; where the row says that it was delivered, both
// files of that version are there and open to what was sent.
func (s *site) inspectFiles(f *findings, state string, row outbox.Delivery, want expected) {
	receiver := s.agent(row.Agent)
	name := filepath.Join(state, "delivered", row.Agent, filepath.FromSlash(row.Secret)+receiver.extension)
	envelope, errEnvelope := os.ReadFile(name)
	token, errStatement := os.ReadFile(name + ".jws")
	var claims statement.Claims
	if errStatement == nil {
		var err error
		if claims, err = statement.Verify(string(bytes.TrimSpace(token)), s.service); err != nil {
			f.tear("%v: statement of %d bytes: %v", row.Key, len(token), err)
		}
	}
	if errEnvelope == nil && want.digests != nil && !want.digests[statement.Digest(envelope)] {
		f.tear("%v: envelope of %d bytes was never signed", row.Key, len(envelope))
	}
	if claims.Version > row.Version {
		f.lose("%v: version %d is delivered, the outbox knows %d", row.Key, claims.Version, row.Version)
	}
	if row.State != outbox.Delivered {
		f.pending++
		return
	}
	f.delivered++
	event, known := want.events[version{row.Secret, row.Version}]
	switch {
	case !known:
		f.lose("%v: nobody sent version %d", row.Key, row.Version)
	case errStatement != nil || claims.Version != row.Version:
		f.lose("%v: version %d was delivered, the statement there is of %d", row.Key, row.Version, claims.Version)
	case event.value == "" && (claims.Operation != string(hooks.Delete) || !errors.Is(errEnvelope, fs.ErrNotExist)):
		f.lose("%v: version %d deleted it, and it is there", row.Key, row.Version)
	case event.value != "":
		if err := s.opens(receiver, row, envelope, string(bytes.TrimSpace(token)), event.value); err != nil {
			f.lose("%v: version %d was delivered: %v", row.Key, row.Version, err)
		}
	}
}

func (s *site) opens(receiver receiver, row outbox.Delivery, envelope []byte, token, value string) error {
	want := statement.Claims{Agent: row.Agent, Secret: row.Secret, Version: row.Version}
	opened, err := agent.OpenBound([]any{receiver.private}, envelope, token, want, s.service)
	if err != nil {
		return err
	}
	defer opened.Wipe()
	return opened.Expose(func(plaintext []byte) error {
		if string(plaintext) != value {
			return errors.New("it opens to another value")
		}
		return nil
	})
}

func (s *site) agent(name string) receiver {
	for _, agent := range s.agents {
		if agent.name == name {
			return agent
		}
	}
	return receiver{}
}

// temporary lists the temporary files below the folder.
func temporary(folder string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(entry.Name(), ".tmp") {
			found = append(found, path)
		}
		return err
	})
	return found, err
}
