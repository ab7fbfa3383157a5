package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

// No error repeats what stands in the file, but for the names of things and of
// settings: a secret could stand in the wrong place.

// nameRule is what sources, agents, groups, keys and destinations are called:
// the names stand in URLs, file names and logs.
var nameRule = lazyregexp.New(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$`)

// settingRule is what settings, schemes, adapters and kinds are called.
var settingRule = lazyregexp.New(`^[a-z][a-z0-9_-]{0,23}$`)

// shown is a name as an error repeats it: not, if it is none by the rule.
func shown(name string, rule func() *regexp.Regexp) string {
	if rule().MatchString(name) {
		return strconv.Quote(name)
	}
	return "(not shown)"
}

// problems makes one error of each that the YAML library found.
func problems(err error) []error {
	var several *yaml.LoadErrors
	if !errors.As(err, &several) {
		return []error{problem(err)}
	}
	var out []error
	for _, one := range several.Errors {
		out = append(out, problem(one))
	}
	return out
}

func problem(err error) error {
	var found *yaml.LoadError
	if !errors.As(err, &found) {
		return errors.New("the file is not YAML")
	}
	text := reword(found.Message)
	if found.Mark.Line == 0 {
		return errors.New(text)
	}
	return fmt.Errorf("line %d: %s", found.Mark.Line, text)
}

var (
	unknownKey  = lazyregexp.New(`(?s)^field (.*) not found in type `)
	repeatedKey = lazyregexp.New(`(?s)^mapping key (.*) already defined at line (\d+)$`)
	wrongType   = lazyregexp.New(`(?s)^cannot construct (\S+).* (?:into|as a) (\S+)`)
	repeated    = lazyregexp.New("(?s)`.*`|\".*\"|anchor '.*'|'.*' as a map key")
)

// reword says in a configuration's words what the YAML library says in those
// of Go, and leaves out what it repeats of the file.
func reword(message string) string {
	if found := unknownKey().FindStringSubmatch(message); found != nil {
		return fmt.Sprintf("key %s is not a setting here", shown(found[1], settingRule))
	}
	if found := repeatedKey().FindStringSubmatch(message); found != nil {
		return fmt.Sprintf("the key stands on line %s already", found[2])
	}
	if found := wrongType().FindStringSubmatch(message); found != nil {
		return fmt.Sprintf("%s stands where %s belongs", is(found[1]), belongs(found[2]))
	}
	return "not YAML: " + repeated().ReplaceAllString(strings.TrimPrefix(message, "yaml: "), "(not shown)")
}

// is names what stands there, by its YAML tag.
func is(tag string) string {
	words := map[string]string{
		"!!str": "text", "!!seq": "a list", "!!map": "a mapping", "!!int": "a number",
		"!!float": "a number", "!!bool": "true or false", "!!null": "nothing",
	}
	if text, ok := words[tag]; ok {
		return text
	}
	return "something else"
}

// belongs names what is wanted, by its Go type or YAML tag.
func belongs(kind string) string {
	words := map[string]string{
		"string": "text", "bool": "true or false", "int": "a whole number", "int64": "a whole number",
		"float64": "a number", "time.Duration": "a duration such as 30s", "secretbytes.Value": "text",
	}
	if text, ok := words[kind]; ok {
		return text
	}
	switch {
	case strings.HasPrefix(kind, "[]"):
		return "a list"
	case strings.HasPrefix(kind, "!"):
		return is(kind)
	}
	return "a mapping"
}
