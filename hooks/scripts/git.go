package scripts

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
)

var gitProduct = Product{
	Summary: "pass and gopass: the post-commit hook of a store's git repository",
	Name:    "{name}",
	Fields:  []string{"name"},
	Settings: []Setting{
		{Name: "store", Usage: "the store's `program`: pass or gopass", Default: "pass"},
		{Name: "allow", Usage: "`name` of an entry that may be sent; once for each", Several: true},
	},
	New: func(setting func(string) []string) (Script, error) {
		g := Git{Program: setting("store")[0], Allow: setting("allow")}
		if stores[g.Program] == nil {
			return nil, fmt.Errorf("%w: --store is neither pass nor gopass", ErrUsage)
		}
		if len(g.Allow) == 0 {
			return nil, fmt.Errorf("%w: no entry may be sent; give --allow NAME for each that may", ErrUsage)
		}
		return g, nil
	},
}

// Git is the contract of a password store that is a git repository: it runs
// after a commit, in the repository, and asks the store for the entries that the
// commit added or changed. An entry that was deleted is left alone.
//
// Specification: githooks(5), post-commit; git-diff-tree(1); pass(1); gopass's
// command show.
type Git struct {
	// Program is pass or gopass. The value is the first line of an entry.
	Program string
	// Allow are the names of the entries that are sent, exactly.
	Allow []string
}

// stores are the arguments by which each program shows an entry.
var stores = map[string][]string{
	"pass":   {"show", "--"},
	"gopass": {"show", "-o", "--"},
}

// Read implements Script.
func (g Git) Read(ctx context.Context, in *Input, _ []string) ([]Change, error) {
	names, err := g.committed(ctx, in)
	if err != nil {
		return nil, err
	}
	var changes []Change
	for _, name := range names {
		value, err := g.show(ctx, in, name)
		if err != nil {
			wipeChanges(changes)
			return nil, err
		}
		changes = append(changes, Change{Fields: map[string]string{"name": name}, Value: value})
	}
	return changes, nil
}

// committed are the allowed entries that the last commit added or changed,
// sorted.
func (g Git) committed(ctx context.Context, in *Input) ([]string, error) {
	listed, err := in.Run(ctx, "git", "diff-tree", "--no-commit-id", "--root", "--no-renames", "--diff-filter=d", "--name-only", "-r", "-z", "HEAD")
	if err != nil {
		return nil, err
	}
	defer listed.Wipe()
	var names []string
	for path := range strings.SplitSeq(textOf(listed), "\x00") {
		if name, found := entryName(path); found && slices.Contains(g.Allow, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// entryName is the name of the entry that a store keeps in a file.
func entryName(path string) (string, bool) {
	for _, suffix := range []string{".gpg", ".age"} {
		if name, found := strings.CutSuffix(path, suffix); found && name != "" {
			return name, true
		}
	}
	return "", false
}

func (g Git) show(ctx context.Context, in *Input, name string) (*hooks.Value, error) {
	entry, err := in.Run(ctx, g.Program, append(slices.Clone(stores[g.Program]), name)...)
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", name, err)
	}
	defer entry.Wipe()
	return trimmed(entry, firstLine), nil
}

// firstLine is what both programs say that the password is.
func firstLine(entry []byte) []byte {
	line, _, _ := bytes.Cut(entry, []byte("\n"))
	return line
}
