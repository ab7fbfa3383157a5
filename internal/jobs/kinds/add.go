package kinds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/bundle"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// Add is a job that puts a certificate into a store, with its private key.
type Add struct {
	Target `yaml:",inline"`
	// File has the certificate, those that it was issued by, and the private key: a
	// PKCS#12 or JKS keystore, or PEM. It is read at each run. Required.
	File string `yaml:"file" json:"file"`
	// PasswordFile has the password of File, a newline at its end left out.
	// Default: there is none
	PasswordFile string `yaml:"password_file" json:"password_file,omitempty"`
	// Entry is the alias in File, if that is a keystore with several. Default: there is
	// one
	Entry string `yaml:"entry" json:"entry,omitempty"`
	// NoPrivateKey adds the certificates only. Default: false
	NoPrivateKey bool `yaml:"no_private_key" json:"no_private_key,omitempty"`
	// Overwrite replaces what is there, if the store says for certain what that is.
	// Default: false
	Overwrite bool `yaml:"overwrite" json:"overwrite,omitempty"`
	// Recover recovers what was deleted under the alias, to replace it. Default: false
	Recover bool `yaml:"recover" json:"recover,omitempty"`
	// Tags are set, where the store has such. Default: none
	Tags map[string]string `yaml:"tags" json:"tags,omitempty"`
	// KeepTags keeps the tags that are there and not in Tags. Default: false
	KeepTags bool `yaml:"keep_tags" json:"keep_tags,omitempty"`
	// NotExportable has the store never give away the private key. Default: false
	NotExportable bool `yaml:"not_exportable" json:"not_exportable,omitempty"`
}

// The bounds of what is read, in bytes.
const (
	maxBundle   = 16 << 20
	maxPassword = 1 << 10
)

func (s *Add) check() error {
	if err := s.Target.check(); err != nil {
		return err
	}
	if s.File == "" {
		return errors.New("file is required")
	}
	return nil
}

func (s *Add) locate(path func(string) string) {
	s.File = path(s.File)
	if s.PasswordFile != "" {
		s.PasswordFile = path(s.PasswordFile)
	}
}

// add puts out the outcome. What is there and may not be replaced is a warning.
func add(ctx context.Context, env Env, settings Add, task jobs.Task) (jobs.Report, error) {
	_, adder, err := open[stores.Adder](env, settings.Store, "nothing can be put into a store of this kind")
	if err != nil {
		return jobs.Report{}, err
	}
	addition := stores.Addition{
		Alias: settings.Alias, Overwrite: settings.Overwrite, Recover: settings.Recover,
		Tags: settings.Tags, KeepTags: settings.KeepTags, NotExportable: settings.NotExportable,
	}
	if addition.Private, addition.Certificates, err = settings.read(); err != nil {
		return jobs.Report{}, fmt.Errorf("%s: %w", settings.File, err)
	}
	outcome, err := adder.Add(ctx, addition)
	if errors.Is(err, stores.ErrExists) && !settings.Overwrite {
		return jobs.Report{Warning: true, Message: settings.Alias + ": already there, not replaced"}, nil
	}
	if err != nil {
		return jobs.Report{}, fmt.Errorf("store %s: %s: %w", settings.Store, settings.Alias, err)
	}
	return changed(task, settings.Store, settings.Alias, outcome)
}

// read reads the file.
func (s Add) read() (private any, certificates []byte, err error) {
	data, err := readBounded(s.File, maxBundle)
	if err != nil {
		return nil, nil, err
	}
	defer clear(data)
	options := bundle.Options{Entry: s.Entry, NoPrivate: s.NoPrivateKey}
	if s.PasswordFile == "" {
		return bundle.Parse(data, options)
	}
	file, err := os.Open(s.PasswordFile)
	if err != nil {
		return nil, nil, fmt.Errorf("password_file: %w", err)
	}
	defer file.Close()
	password, err := secretbytes.ReadFrom(file, maxPassword)
	if err != nil {
		return nil, nil, fmt.Errorf("password_file: %w", err)
	}
	defer password.Wipe()
	err = password.Expose(func(plaintext []byte) error {
		options.Password = bytes.TrimRight(plaintext, "\r\n")
		private, certificates, err = bundle.Parse(data, options)
		return err
	})
	return private, certificates, err
}

// readBounded reads a file of at most that many bytes. The caller wipes it.
func readBounded(name string, size int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, size+1))
	if err == nil && int64(len(data)) > size {
		err = fmt.Errorf("it has more than %d bytes", size)
	}
	if err != nil {
		clear(data)
		return nil, err
	}
	return data, nil
}
