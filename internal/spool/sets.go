package spool

import (
	"errors"
	"io/fs"
	"path"
	"slices"

	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/internal/durable"
)

// Set is the recipient set that is kept for a secret at an endpoint, as the
// service signed it; empty if there is none. It is the caller's to verify.
func (s *Spool) Set(url, secret string) (string, error) {
	token, err := s.read(path.Join(recipients, name(url, secret)+".jws"), recipientset.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(token), err
}

// KeepSet keeps a recipient set in place of the one before. Beyond MaxSets the
// oldest goes.
func (s *Spool) KeepSet(url, secret, token string) error {
	return s.locked(func() error {
		if err := s.makeRoom(); err != nil {
			return err
		}
		return durable.WriteFile(s.root, path.Join(recipients, name(url, secret)+".jws"), []byte(token), privateFile)
	})
}

func (s *Spool) makeRoom() error {
	sets, err := s.list(recipients)
	if err != nil || len(sets) < MaxSets {
		return err
	}
	slices.SortFunc(sets, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, oldest := range sets[:len(sets)-MaxSets+1] {
		if err := durable.Remove(s.root, path.Join(recipients, oldest.Name())); err != nil {
			return err
		}
	}
	return nil
}
