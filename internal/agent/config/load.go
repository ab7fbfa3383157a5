package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	shared "github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// Load reads and checks the file at path and fills in the defaults. Its error
// joins everything that is wrong.
func Load(path string) (*Config, error) {
	data, err := shared.ReadBounded(path)
	if err != nil {
		return nil, fmt.Errorf("read the agent's configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("read the agent's configuration: %w", err)
	}
	return Parse(data, dir)
}

// Parse is Load for the text of a file in the folder dir.
func Parse(data []byte, dir string) (*Config, error) {
	c := &Config{dir: dir}
	switch err := shared.Strict(data, c); {
	case errors.Is(err, shared.ErrEmpty):
		return nil, fmt.Errorf("%w; it needs name, identities and service_key_files at least", err)
	case err != nil:
		return nil, err
	}
	c.setDefaults()
	return c, c.check()
}

func (c *Config) setDefaults() {
	set(&c.StateDir, "state")
	set(&c.Log.Level, "info")
	if c.Jobs != nil {
		set(&c.Jobs.Together, 1)
	}
	for i := range c.Vaults {
		set(&c.Vaults[i].Every, 5*time.Minute)
	}
	for i := range c.Actions {
		action := &c.Actions[i]
		set(&action.Debounce, time.Second)
		set(&action.Timeout, 30*time.Second)
		if action.Signal != nil {
			set(&action.Signal.Name, "HUP")
		}
	}
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Path makes a path of the configuration absolute; the empty one stays empty.
func (c *Config) Path(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.dir, path)
}

// ReadSecret reads a file that a `*_file` setting names, without the newline at its
// end.
func (c *Config) ReadSecret(path string) (*secretbytes.Value, error) {
	return shared.In(c.dir).ReadSecret(path)
}
