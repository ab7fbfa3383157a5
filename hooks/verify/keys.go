package verify

import (
	"errors"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
)

// maxKeys bounds the keys or tokens of a source. A rotation needs two; the
// bound keeps a forged request cheap to refuse.
const maxKeys = 8

// Window is when a key or token counts, by this machine's clock. A zero time is
// no limit; the moments themselves are within.
type Window struct {
	// NotBefore is the first moment, in RFC 3339, or a day, from its beginning
	// in UTC. Default: none
	NotBefore time.Time `yaml:"not_before"`
	// NotAfter is the last one. Default: none
	NotAfter time.Time `yaml:"not_after"`
}

// holds says whether at is within the window.
func (w Window) holds(at time.Time) bool {
	early := !w.NotBefore.IsZero() && at.Before(w.NotBefore)
	late := !w.NotAfter.IsZero() && at.After(w.NotAfter)
	return !early && !late
}

func (w Window) check() error {
	if !w.NotAfter.IsZero() && w.NotAfter.Before(w.NotBefore) {
		return errors.New("not_after is before not_before")
	}
	return nil
}

// errNoneNow refuses what might be right at another time.
var errNoneNow = fmt.Errorf("%w: no key of the source counts at this time: check not_before and not_after of its keys", hooks.ErrUnauthenticated)

// Key is a secret or a token, and when it counts. Its Value stays the caller's.
type Key struct {
	// Value is the secret, token, password or public key itself.
	Value *hooks.Value `yaml:"value"`
	// Window is when it counts; always, if it is zero.
	Window `yaml:",inline"`
}

// always are keys without a window.
func always(values []*hooks.Value) []Key {
	keys := make([]Key, len(values))
	for i, value := range values {
		keys[i].Value = value
	}
	return keys
}

// keyConfig is a secret, token, password or public key, with the time in which
// it counts, by this machine's clock.
type keyConfig struct {
	Key `yaml:",inline"`
	// File has the same, in place of Value.
	File string `yaml:"file"`
}

// secretsConfig is what a configuration has for the secrets of a scheme.
type secretsConfig struct {
	// Secrets are those that always count. Of these, SecretFiles and Keys
	// together there are 1 to 8.
	Secrets []*hooks.Value `yaml:"secrets"`
	// SecretFiles are files that hold one secret each, beside Secrets.
	SecretFiles []string `yaml:"secret_files"`
	// Keys are secrets with the time in which each counts.
	Keys []keyConfig `yaml:"keys"`
}

// use makes a verifier of the secrets and wipes them.
func (c secretsConfig) use(s hooks.Settings, construct func([]Key) (hooks.Verifier, error)) (hooks.Verifier, error) {
	return useKeys(s, c.Secrets, c.SecretFiles, c.Keys, construct)
}

// tokensConfig is what a configuration has for the tokens of a scheme.
type tokensConfig struct {
	// Tokens are those that always count. Of these, TokenFiles and Keys together
	// there are 1 to 8.
	Tokens []*hooks.Value `yaml:"tokens"`
	// TokenFiles are files that hold one token each, beside Tokens.
	TokenFiles []string `yaml:"token_files"`
	// Keys are tokens with the time in which each counts.
	Keys []keyConfig `yaml:"keys"`
}

// use makes a verifier of the tokens and wipes them.
func (c tokensConfig) use(s hooks.Settings, construct func([]Key) (hooks.Verifier, error)) (hooks.Verifier, error) {
	return useKeys(s, c.Tokens, c.TokenFiles, c.Keys, construct)
}

// useKeys makes a verifier of the values of a configuration, those in its files
// among them, and wipes them all: verifiers keep copies.
func useKeys(s hooks.Settings, inline []*hooks.Value, files []string, windowed []keyConfig, construct func([]Key) (hooks.Verifier, error)) (hooks.Verifier, error) {
	keys := always(inline)
	defer func() {
		for _, key := range keys {
			key.Value.Wipe()
		}
	}()
	for _, file := range files {
		value, err := s.ReadSecret(file)
		if err != nil {
			return nil, err
		}
		keys = append(keys, Key{Value: value})
	}
	for i, from := range windowed {
		key, err := from.read(s)
		if err != nil {
			return nil, fmt.Errorf("keys: entry %d: %w", i+1, err)
		}
		keys = append(keys, key)
	}
	return construct(keys)
}

func (c keyConfig) read(s hooks.Settings) (Key, error) {
	if (c.Value == nil) == (c.File == "") {
		return Key{}, errors.New("set exactly one of value and file")
	}
	if c.File == "" {
		return c.Key, nil
	}
	value, err := s.ReadSecret(c.File)
	if err != nil {
		return Key{}, err
	}
	return Key{Value: value, Window: c.Window}, nil
}

func (k Key) use(use func(value []byte, window Window) error) error {
	if k.Value == nil {
		return errors.New("has no value")
	}
	if err := k.check(); err != nil {
		return err
	}
	return k.Value.Expose(func(value []byte) error { return use(value, k.Window) })
}

// eachKey calls use with the bytes of each key. what names the keys in errors,
// settings where they are set.
func eachKey(keys []Key, what, settings string, use func(value []byte, window Window) error) error {
	if len(keys) == 0 {
		return fmt.Errorf("no %s: set %s", what, settings)
	}
	if len(keys) > maxKeys {
		return fmt.Errorf("more than %d %ss are configured; remove the oldest", maxKeys, what)
	}
	for i, key := range keys {
		if err := key.use(use); err != nil {
			return fmt.Errorf("%s %d: %w", what, i+1, err)
		}
	}
	return nil
}
