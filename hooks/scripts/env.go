package scripts

import (
	"context"
	"fmt"

	"github.com/sealrelay/sealrelay/hooks"
)

var envProduct = Product{
	Summary:  "any program that sets environment variables",
	Fields:   []string{"*"},
	Generic:  true,
	Settings: []Setting{{Name: "value-from", Usage: "`variable` that has the value"}},
	New: func(setting func(string) []string) (Script, error) {
		variable := setting("value-from")
		if len(variable) == 0 || variable[0] == "" {
			return nil, fmt.Errorf("%w: nothing says which variable has the value; give --value-from VARIABLE", ErrUsage)
		}
		return Env{Value: variable[0]}, nil
	},
}

// Env is the contract of programs that set environment variables. Other
// processes of the same user can read them: standard input is better.
type Env struct {
	// Value is the variable that has the value.
	Value string
}

// Read implements Script.
func (e Env) Read(_ context.Context, in *Input, wanted []string) ([]Change, error) {
	fields := map[string]string{}
	for _, name := range wanted {
		if text := in.Env(name); text != nil && name != e.Value {
			fields[name] = textOf(text)
			text.Wipe()
		}
	}
	value := in.Env(e.Value)
	if value == nil {
		return nil, fmt.Errorf("%w: the variable that --value-from names is not set", hooks.ErrNoValue)
	}
	return []Change{{Fields: fields, Value: value}}, nil
}
