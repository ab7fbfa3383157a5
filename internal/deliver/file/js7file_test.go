package file_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/deliver/file"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// TestJS7File: the envelope in file mode comes, changes and goes with the other.
func TestJS7File(t *testing.T) {
	pair, err := keys.New("ec-p256", keys.NewOptions{})
	if err != nil {
		t.Fatal(err)
	}
	public, err := keys.ParsePublic([]byte(pair.Public))
	if err != nil {
		t.Fatal(err)
	}
	recipient, _, err := formats.RecipientFor(public, "js7")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	d, err := file.New(deliver.Settings{
		Decode: func(into any) error {
			config, ok := into.(*file.Config)
			if !ok {
				t.Fatalf("%T", into)
			}
			config.Dir, config.JS7File = dir, true
			return nil
		},
		Path: func(path string) string { return path },
	})
	if err != nil {
		t.Fatal(err)
	}
	version := int64(0)
	js7 := func() outbox.Delivery {
		version++
		delivery := delivertest.InFormat(t, delivertest.Set(t, "db", version, 0), "js7")
		if delivery.Envelope, err = recipient.Seal([]byte("value")); err != nil {
			t.Fatal(err)
		}
		return delivery
	}
	names := func(want ...string) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, entry := range entries {
			got = append(got, entry.Name())
		}
		if !slices.Equal(got, want) {
			t.Errorf("there are %v, want %v", got, want)
		}
	}
	bring := func(delivery outbox.Delivery) {
		t.Helper()
		if _, err := d.Deliver(t.Context(), delivery); err != nil {
			t.Fatal(err)
		}
	}
	read := func() string {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, "db.js7file"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	bring(js7())
	names("db.js7", "db.js7.jws", "db.js7file")
	first := read()
	bring(js7())
	if len(first) != 24 || read() == first {
		t.Errorf("the file has %q, and had %q", read(), first)
	}
	version++
	bring(delivertest.Set(t, "db", version, 10))
	names("db.age", "db.age.jws")
	bring(js7())
	names("db.js7", "db.js7.jws", "db.js7file")
	version++
	bring(delivertest.InFormat(t, delivertest.Delete(t, "db", version), "js7"))
	names("db.js7.jws")
}
