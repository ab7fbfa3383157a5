package config

import (
	"bytes"
	"errors"

	"go.yaml.in/yaml/v4"
)

// ErrEmpty is Strict's error for a text with nothing in it.
var ErrEmpty = errors.New("configuration is empty")

// Strict decodes YAML into the struct that into points to. An unknown or repeated
// key is an error with its line; all of them are joined. No error repeats what
// stands in the text, but for the names of settings.
func Strict(data []byte, into any) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return ErrEmpty
	}
	if err := yaml.Load(data, into, yaml.WithKnownFields()); err != nil {
		return errors.Join(problems(err)...)
	}
	return nil
}
