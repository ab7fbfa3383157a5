package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to what this program knows. Several processes
// may do so at once.
func migrate(ctx context.Context, dsn string) error {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	return errors.Join(migrateDB(ctx, db), db.Close())
}

func migrateDB(ctx context.Context, db *sql.DB) error {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, folder,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	return upTo(ctx, provider)
}

// upTo migrates until the schema is current. Where another process migrates at
// the same time, each may find that the other was first with a migration, and
// goes on behind it: an error counts only if no process came further.
func upTo(ctx context.Context, provider *goose.Provider) error {
	for before := int64(-1); ; {
		_, upErr := provider.Up(ctx)
		current, known, err := provider.GetVersions(ctx)
		switch {
		case err != nil:
			return errors.Join(upErr, err)
		case current > known:
			return fmt.Errorf("the outbox has schema version %d and this program knows up to %d; run the newer sealrelay that wrote it", current, known)
		case current == known:
			return nil
		case current == before:
			return upErr
		}
		before = current
	}
}
