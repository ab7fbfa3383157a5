package adapters

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sealrelay/sealrelay/hooks"
)

// JSON has the settings of the adapter "json", which reads any JSON object.
// Places in it are JSON Pointers (RFC 6901), such as /data/password or
// /items/0/a~1b; a place that is not set is not read.
type JSON struct {
	// Secret is where the secret's name is.
	Secret string `yaml:"secret"`
	// SecretPrefix is put before what is at Secret, as it is: "prod/".
	SecretPrefix string `yaml:"secret_prefix"`
	// SecretName is the name of every event's secret, instead of Secret.
	SecretName string `yaml:"secret_name"`
	// Value is where the value is. It must be a non-empty string.
	Value string `yaml:"value"`
	// Fields are, instead of Value, named values: a field's name to where its
	// value is. Each must be there and be a non-empty string.
	Fields map[string]string `yaml:"fields"`
	// Operation is where the operation is. If it is not set, every event sets.
	Operation string `yaml:"operation"`
	// SetValues are the words at Operation that set the secret; ["set"] if not
	// given. Words compare exactly.
	SetValues []string `yaml:"set_values"`
	// DeleteValues are the words at Operation that delete the secret;
	// ["delete"] if not given. A deletion's value is not read. Every word that
	// is in neither list is refused.
	DeleteValues []string `yaml:"delete_values"`
	// EventID is where the event's ID is: a string or a number, of 1 to 256
	// printable ASCII characters. If it is missing or null, the event has none.
	EventID string `yaml:"event_id"`
	// Time is where the time of the change is: a string in RFC 3339, or a whole
	// number of seconds (below 100,000,000,000) or milliseconds (from there on)
	// since 1970. If it is missing or null, the event has none.
	Time string `yaml:"time"`
}

// check finds what is wrong with the settings, apart from their pointers.
func (s JSON) check() []error {
	var errs []error
	refuse := func(wrong bool, reason string) {
		if wrong {
			errs = append(errs, errors.New(reason))
		}
	}
	refuse((s.Secret == "") == (s.SecretName == ""), "set either secret, where the name is, or secret_name, the name itself")
	refuse(s.SecretName != "" && s.SecretPrefix != "", "secret_prefix goes with secret; write secret_name in full")
	refuse((s.Value == "") == (len(s.Fields) == 0), "set either value or fields")
	refuse(s.Operation == "" && len(s.SetValues)+len(s.DeleteValues) > 0, "set_values and delete_values need operation, where the word is")
	refuse(len(s.operations()) != len(s.setWords())+len(s.deleteWords()), "set_values and delete_values have the same word twice")
	if s.SecretName != "" {
		if err := hooks.CheckName(s.SecretName); err != nil {
			errs = append(errs, fmt.Errorf("secret_name: %w", err))
		}
	}
	return append(errs, checkFieldPlaces(s.Fields)...)
}

// checkFieldPlaces finds what is wrong with the setting fields, which may be
// empty, apart from its pointers.
func checkFieldPlaces(fields map[string]string) []error {
	names := slices.Sorted(maps.Keys(fields))
	if len(names) == 0 {
		return nil
	}
	var errs []error
	if err := checkFieldNames(names); err != nil {
		errs = append(errs, fmt.Errorf("fields: %w", err))
	}
	for _, name := range names {
		if fields[name] == "" {
			errs = append(errs, fmt.Errorf("fields: %s has no pointer", name))
		}
	}
	return errs
}

func (s JSON) setWords() []string {
	if s.SetValues == nil {
		return []string{"set"}
	}
	return s.SetValues
}

func (s JSON) deleteWords() []string {
	if s.DeleteValues == nil {
		return []string{"delete"}
	}
	return s.DeleteValues
}

// operations has what each word at Operation stands for.
func (s JSON) operations() map[string]hooks.Operation {
	words := map[string]hooks.Operation{}
	for _, word := range s.setWords() {
		words[word] = hooks.Set
	}
	for _, word := range s.deleteWords() {
		words[word] = hooks.Delete
	}
	return words
}
