package delivertest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sealrelay/sealrelay/crypto/formats"
)

// ReadFolder is an agent's view of a folder: the only envelope of the secret and
// the only statement, in whatever format.
func ReadFolder(dir, secret string) (envelope []byte, statement string, err error) {
	for _, format := range formats.All {
		name := filepath.Join(dir, filepath.FromSlash(secret)+format.Extension)
		data, err := os.ReadFile(name)
		if err == nil && envelope != nil {
			return nil, "", fmt.Errorf("%s has envelopes in two formats", secret)
		}
		if err == nil {
			envelope = data
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
		signed, err := os.ReadFile(name + ".jws")
		if err == nil && statement != "" {
			return nil, "", fmt.Errorf("%s has statements in two formats", secret)
		}
		if err == nil {
			statement = string(signed)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
	}
	return envelope, statement, nil
}

// StrayFiles lists the files below dir that are no envelope and no statement.
func StrayFiles(dir string) (names []string, err error) {
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		for _, format := range formats.All {
			if strings.HasSuffix(strings.TrimSuffix(name, ".jws"), format.Extension) {
				return nil
			}
		}
		names = append(names, name)
		return nil
	})
	return names, err
}
