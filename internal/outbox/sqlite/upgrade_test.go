package sqlite

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// What was pending, claimed or delivered in an outbox of before destinations
// took turns is delivered by this program.
func TestUpgradeToTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	at3(t, path)
	o, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}()
	claim := func(seconds int64) []string {
		t.Helper()
		claimed, err := o.Claim(t.Context(), time.Unix(seconds, 0), 10, time.Hour, nil)
		if err != nil {
			t.Fatal(err)
		}
		var secrets []string
		for _, d := range claimed {
			secrets = append(secrets, d.Secret)
		}
		return secrets
	}
	if due, ok, err := o.NextDue(t.Context(), nil); !ok || err != nil || !due.Equal(time.Unix(100, 0)) {
		t.Errorf("next due %v, %v (error %v), want 100 s", due, ok, err)
	}
	if got := claim(100); len(got) != 1 || got[0] != "due" {
		t.Errorf("claimed %q at 100 s, want what is due then", got)
	}
	if got := claim(200); len(got) != 1 || got[0] != "leased" {
		t.Errorf("claimed %q at 200 s, want what another had claimed", got)
	}
	if d, err := o.Get(t.Context(), outbox.Key{Agent: "web", Destination: "files", Secret: "there"}); err != nil || d.State != outbox.Delivered {
		t.Errorf("got %+v (error %v), want it delivered", d, err)
	}
}

// at3 makes an outbox of schema version 3.
func at3(t *testing.T, path string) {
	t.Helper()
	if err := prepareFile(path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", writerDSN(path, "FULL"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, folder, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		secret, state string
		leased        int
		due           int64
	}{{"due", "pending", 0, 100}, {"leased", "pending", 1, 200}, {"there", "delivered", 0, 50}} {
		if _, err := db.ExecContext(t.Context(), `INSERT INTO secrets (name, version) VALUES (?, 1)`, row.secret); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), `INSERT INTO deliveries (agent, destination, secret, state, version, leased, due, accepted_at,
				updated_at, operation, format, key_id, source, event_id, reason, statement)
			VALUES ('web', 'files', ?, ?, 1, ?, ?, 0, 0, 'set', 'age', 'k', 'vault', 'e', '', 's')`,
			row.secret, row.state, row.leased, row.due*1_000_000); err != nil {
			t.Fatal(err)
		}
	}
}
