package kinds

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/internal/jobs"
)

// noPaths are the texts in settings that name nothing in a file system.
var noPaths = []string{
	"add.Entry", "add.Tags", "add.Target.Alias", "add.Target.Store", "ca-sync.AliasPrefix", "ca-sync.Fingerprint", "ca-sync.Roots", "ca-sync.Store", "create.Store", "custom.Command", "custom.Parameters",
	"discover.AzureKeyVault.Subscriptions", "discover.AzureKeyVault.Tenants", "inventory.Store",
	"re-enrol.Key", "re-enrol.Names", "re-enrol.Subject", "re-enrol.Tags", "re-enrol.Target.Alias", "re-enrol.Target.Store",
	"remove.Target.Alias", "remove.Target.Store", "ssh-scan.Sweep.Targets", "tls-scan.Sweep.Targets",
}

// TestPathsAreKnown: each text in the settings of a kind is one that locate knows for a
// path, or is known to be none. An agent holds those that are paths to its own folders.
func TestPathsAreKnown(t *testing.T) {
	for name, kind := range all {
		read := kind.fresh()
		fill(reflect.ValueOf(read).Elem())
		if with, ok := read.(located); ok {
			with.locate(func(string) string { return "located" })
		}
		for _, field := range texts(name, reflect.ValueOf(read).Elem()) {
			if !slices.Contains(noPaths, field) {
				t.Errorf("%s: locate it, if it is a path, or add it here", field)
			}
		}
	}
}

// fill puts a text wherever there can be one.
func fill(value reflect.Value) {
	switch value.Kind() {
	case reflect.String:
		value.SetString("text")
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		fill(value.Elem())
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 1, 1))
		fill(value.Index(0))
	case reflect.Struct:
		for i := range value.NumField() {
			fill(value.Field(i))
		}
	}
}

// texts are the fields that have a text which is not "located", or can have any.
func texts(name string, value reflect.Value) []string {
	switch value.Kind() {
	case reflect.String:
		if value.String() == "located" {
			return nil
		}
		return []string{name}
	case reflect.Map, reflect.Interface:
		return []string{name}
	case reflect.Pointer:
		return texts(name, value.Elem())
	case reflect.Slice:
		return texts(name, value.Index(0))
	case reflect.Struct:
		var found []string
		for i := range value.NumField() {
			found = append(found, texts(name+"."+value.Type().Field(i).Name, value.Field(i))...)
		}
		return found
	}
	return nil
}

// TestConfine: a kind sees no path but what Path makes of it, and is not begun if Path
// refuses one.
func TestConfine(t *testing.T) {
	outside := errors.New("outside")
	var asked []string
	env := Env{Path: func(path string) (string, error) { asked = append(asked, path); return "", outside }}
	_, err := New(env)["ssh-scan"](context.Background(), jobs.Task{Settings: json.RawMessage(`{"targets":["192.0.2.1"],"known_hosts":"/etc/shadow"}`)})
	if !errors.Is(err, outside) || strings.Join(asked, " ") != "/etc/shadow" {
		t.Errorf("asked for %q, %v", asked, err)
	}
	asked = nil
	_, err = New(env)["ca-sync"](context.Background(), jobs.Task{Settings: json.RawMessage(`{"directory":"/root","store":"s"}`)})
	if !errors.Is(err, outside) || strings.Join(asked, " ") != "/root" {
		t.Errorf("asked for %q, %v", asked, err)
	}
}
