package scripts

import (
	"context"
	"fmt"
	"path/filepath"
)

var fileProduct = Product{
	Summary:  "Vault Agent, OpenBao Agent and whatever else writes a file and then runs a program",
	Fields:   []string{"base"},
	Settings: []Setting{{Name: "path", Usage: "`file` that has the value, byte for byte"}},
	New: func(setting func(string) []string) (Script, error) {
		path := setting("path")
		if len(path) == 0 || path[0] == "" {
			return nil, fmt.Errorf("%w: nothing says which file has the value; give --path FILE", ErrUsage)
		}
		return File{Path: path[0]}, nil
	},
}

// File is the contract of an agent that renders a template and then runs a
// program, as the templates of Vault Agent and OpenBao Agent do with exec when
// the file changed. The file is the value, byte for byte. The field base is the
// file's name without its folder.
//
// Specification: OpenBao and Vault, Agent, Templates, exec.
type File struct {
	Path string
}

// Read implements Script.
func (f File) Read(_ context.Context, in *Input, _ []string) ([]Change, error) {
	file, err := in.Open(f.Path)
	if err != nil {
		return nil, fmt.Errorf("read the value: %w", err)
	}
	defer func() { _ = file.Close() }()
	value, err := readAll(file, "the file with the value")
	if err != nil {
		return nil, err
	}
	return []Change{{Fields: map[string]string{"base": filepath.Base(f.Path)}, Value: value}}, nil
}
