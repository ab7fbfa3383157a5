package config

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v4"
)

// Settings is the part of the file that belongs to one verifier, adapter or
// destination, kept until its constructor decodes it.
type Settings struct {
	node *yaml.Node
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *Settings) UnmarshalYAML(node *yaml.Node) error {
	s.node = node
	return nil
}

// Decode fills the struct that into points to. An unknown key is an error with
// its line. Settings left out decode as an empty mapping.
func (s Settings) Decode(into any) error {
	if s.node == nil || s.node.ShortTag() == "!!null" {
		return nil
	}
	if err := s.node.Load(into, yaml.WithKnownFields()); err != nil {
		return errors.Join(problems(err)...)
	}
	return nil
}

// one returns the only entry of a map that must have exactly one.
func one(what string, entries map[string]Settings) (string, Settings, error) {
	if len(entries) != 1 {
		return "", Settings{}, fmt.Errorf("%s needs exactly one entry, it has %d", what, len(entries))
	}
	for name, settings := range entries {
		if settingRule().MatchString(name) {
			return name, settings, nil
		}
	}
	return "", Settings{}, fmt.Errorf("%s has an entry whose key is no name of a kind", what)
}

// Scheme is the name and settings of the source's verifier.
func (s Source) Scheme() (string, Settings, error) { return one("verify", s.Verify) }

// Product is the name and settings of the source's adapter.
func (s Source) Product() (string, Settings, error) { return one("adapter", s.Adapter) }

// Place is the kind and settings of the destination.
func (d Destination) Place() (string, Settings, error) {
	return one("the kind", d.Kind)
}
