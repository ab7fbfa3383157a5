package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// MaxFileBytes is the largest configuration, and the largest file that one
// names.
const MaxFileBytes = 16 << 20

// Load reads and checks the file at path and fills in the defaults. Its error
// joins everything that is wrong.
func Load(path string) (*Config, error) {
	data, err := ReadBounded(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(data, dir)
}

// Parse is Load for the text of a file in the folder dir.
func Parse(data []byte, dir string) (*Config, error) {
	c := &Config{dir: dir}
	switch err := Strict(data, c); {
	case errors.Is(err, ErrEmpty):
		return nil, fmt.Errorf("%w; `sealrelay demo --keep DIR` writes one to start from", err)
	case err != nil:
		return nil, err
	}
	c.setDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// In is a configuration with nothing in it, whose paths start at the folder: for a
// part of one that stands alone.
func In(dir string) *Config { return &Config{dir: dir} }

func (c *Config) setDefaults() {
	set(&c.DataDir, "data")
	set(&c.Issuer, "sealrelay")
	set(&c.Server.Listen, "127.0.0.1:8443")
	set(&c.Server.MaxInFlight, 256)
	set(&c.Server.ShutdownTimeout, 30*time.Second)
	set(&c.Admin.Listen, "127.0.0.1:9443")
	set(&c.Log.Level, "info")
	set(&c.Outbox.EventRetention, 720*time.Hour)
	set(&c.Delivery.Workers, 16)
	set(&c.Delivery.PerDestination, 4)
	set(&c.Delivery.BreakAfter, 5)
	set(&c.Delivery.Timeout, 30*time.Second)
	set(&c.Delivery.RetryFirst, 5*time.Second)
	set(&c.Delivery.RetryMax, time.Hour)
	set(&c.Delivery.GiveUpAfter, 72*time.Hour)
	for name, store := range c.Stores {
		set(&store.Every, 5*time.Minute)
		if store.Watch != nil {
			set(&store.Watch.Every, 24*time.Hour)
			set(&store.Watch.ExpiresWithin, 720*time.Hour)
		}
		c.Stores[name] = store
	}
	for name, job := range c.Jobs {
		set(&job.Timeout, 15*time.Minute)
		set(&job.RetryAfter, 5*time.Minute)
		c.Jobs[name] = job
	}
	for name, authority := range c.Authorities {
		set(&authority.Timeout, time.Minute)
		c.Authorities[name] = authority
	}
	for name, source := range c.Sources {
		set(&source.RatePerSecond, 100)
		set(&source.RateBurst, 200)
		set(&source.MaxBodyBytes, 1<<20)
		set(&source.RepeatWindow, 10*time.Minute)
		set(&source.AwaitWithin, time.Hour)
		set(&source.RecipientsValidFor, 24*time.Hour)
		c.Sources[name] = source
	}
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// ReadFile reads a file that the configuration names.
func (c *Config) ReadFile(path string) ([]byte, error) {
	return ReadBounded(c.Path(path))
}

// ReadSecret reads a file with a secret, without the newline (LF or CRLF) at
// its end.
func (c *Config) ReadSecret(path string) (*secretbytes.Value, error) {
	data, err := ReadBounded(c.Path(path))
	if err != nil {
		return nil, err
	}
	defer clear(data)
	trimmed := bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if len(trimmed) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	return secretbytes.Copy(trimmed), nil
}

// ReadBounded reads a file of at most MaxFileBytes.
func ReadBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, MaxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, MaxFileBytes)
	}
	return data, nil
}
