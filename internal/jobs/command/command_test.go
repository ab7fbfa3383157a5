package command_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/jobs/command"
)

func TestCheck(t *testing.T) {
	with := func(p command.Parameter) command.Command {
		return command.Command{Run: []string{"/bin/true"}, Parameters: map[string]command.Parameter{"a": p}}
	}
	for name, test := range map[string]struct {
		command command.Command
		want    string
	}{
		"good":                {with(command.Parameter{Type: "string", Default: "x", Choices: []string{"x", "y"}}), ""},
		"no program":          {command.Command{}, "run is required"},
		"a relative one":      {command.Command{Run: []string{"true"}}, "absolute path"},
		"a NUL byte":          {command.Command{Run: []string{"/bin/true", "a\x00"}}, "NUL"},
		"no type":             {with(command.Parameter{}), "parameter a: type is required"},
		"an unknown type":     {with(command.Parameter{Type: "float"}), "type is not string, int, date or bool"},
		"a default of no use": {with(command.Parameter{Type: "int", Required: true, Default: 1}), "default has no use"},
		"another default":     {with(command.Parameter{Type: "int", Default: "1"}), "default: it is no whole number"},
		"a default outside":   {with(command.Parameter{Type: "string", Default: "z", Choices: []string{"x", "y"}}), "none of x, y"},
		"choices of numbers":  {with(command.Parameter{Type: "int", Choices: []string{"1"}}), "choices are for strings"},
		"a bad name": {
			command.Command{Run: []string{"/bin/true"}, Parameters: map[string]command.Parameter{"a b": {Type: "int"}}}, "a name is not",
		},
	} {
		err := test.command.Check()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	err := command.Command{Run: []string{"x"}, Parameters: map[string]command.Parameter{"a": {}, "b": {Type: "x"}}}.Check()
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not everything is told: %v", err)
	}
}

const yamlText = `
run: [/usr/bin/report, --all]
parameters:
  name: {type: string, required: true}
  kind: {type: string, default: full, choices: [full, short]}
  days: {type: int, default: 30}
  since: {type: date, default: 2026-01-31}
  loud: {type: bool}
`

// TestValues: what YAML and JSON make of the same parameters comes to the same.
func TestValues(t *testing.T) {
	var c command.Command
	if err := config.Strict([]byte(yamlText), &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	fromYAML := map[string]any{}
	if err := config.Strict([]byte("{name: a, days: 9007199254740993, since: 2026-02-03, loud: false}"), &fromYAML); err != nil {
		t.Fatal(err)
	}
	fromJSON := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(`{"name": "a", "days": 9007199254740993, "since": "2026-02-03", "loud": false}`))
	decoder.UseNumber()
	if err := decoder.Decode(&fromJSON); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"name": "a", "kind": "full", "days": int64(9007199254740993), "since": "2026-02-03", "loud": false}
	for from, given := range map[string]map[string]any{"YAML": fromYAML, "JSON": fromJSON} {
		got, err := c.Values(given)
		if err != nil {
			t.Fatal(from, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", from, diff)
		}
	}
	got, err := c.Values(map[string]any{"name": "a"})
	if diff := cmp.Diff(map[string]any{"name": "a", "kind": "full", "days": int64(30), "since": "2026-01-31"}, got); err != nil || diff != "" {
		t.Errorf("defaults: %v (-want +got):\n%s", err, diff)
	}
	if got, err := c.Values(map[string]any{"name": "a", "days": 7.0}); err != nil || got["days"] != int64(7) {
		t.Errorf("a number of JSON: %v, %v", got, err)
	}
	for name, test := range map[string]struct {
		given map[string]any
		want  string
	}{
		"missing":         {nil, "parameter name is required"},
		"unknown":         {map[string]any{"name": "a", "nane": "b"}, `there is no parameter "nane"; there are days, kind, loud, name, since`},
		"no string":       {map[string]any{"name": 1}, "no string"},
		"nothing":         {map[string]any{"name": nil}, "no string"},
		"not UTF-8":       {map[string]any{"name": "\xff"}, "UTF-8"},
		"long":            {map[string]any{"name": strings.Repeat("x", 20000)}, "bytes"},
		"none of them":    {map[string]any{"name": "a", "kind": "secret"}, "none of full, short"},
		"a text":          {map[string]any{"name": "a", "days": "30"}, "whole number"},
		"a fraction":      {map[string]any{"name": "a", "days": json.Number("1.5")}, "whole number"},
		"a float":         {map[string]any{"name": "a", "days": 1.5}, "whole number"},
		"a large float":   {map[string]any{"name": "a", "days": 1e300}, "whole number"},
		"too large":       {map[string]any{"name": "a", "days": uint64(math.MaxUint64)}, "whole number"},
		"no such day":     {map[string]any{"name": "a", "since": "2026-02-30"}, "no date"},
		"a time of day":   {map[string]any{"name": "a", "since": time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)}, "no date"},
		"a number as day": {map[string]any{"name": "a", "since": 20260101}, "no date"},
		"a word":          {map[string]any{"name": "a", "loud": "yes"}, "true or false"},
	} {
		values, err := c.Values(test.given)
		if err == nil || !strings.Contains(err.Error(), test.want) || values != nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, %v, want %q", name, values, err, test.want)
		}
	}
	if _, err := (command.Command{}).Values(map[string]any{"a": 1}); err == nil || !strings.Contains(err.Error(), "takes none") {
		t.Errorf("a command without parameters: %v", err)
	}
}

// FuzzValues: what is taken once is taken again, and the same.
func FuzzValues(f *testing.F) {
	for _, text := range []string{`{"name":"a"}`, `{"name":"a","days":1,"since":"2026-01-31","loud":true}`, `{"days":1e3}`, `{"name":"a","kind":"short"}`, `{"x":[]}`} {
		f.Add(text)
	}
	var c command.Command
	if err := config.Strict([]byte(yamlText), &c); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read := func(data []byte) (map[string]any, error) {
			given := map[string]any{}
			decoder := json.NewDecoder(strings.NewReader(string(data)))
			decoder.UseNumber()
			if err := decoder.Decode(&given); err != nil {
				return nil, err
			}
			return c.Values(given)
		}
		values, err := read([]byte(text))
		if err != nil {
			if values != nil {
				t.Errorf("%v with the error %v", values, err)
			}
			return
		}
		again, err := json.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := read(again); err != nil || !cmp.Equal(values, twice) {
			t.Errorf("%v is read again as %v, %v", values, twice, err)
		}
	})
}

var errDisk = errors.New("disk on fire")

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
