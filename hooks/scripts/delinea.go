package scripts

import (
	"context"

	"github.com/sealrelay/sealrelay/hooks"
)

var delineaProduct = Product{
	Summary:   "Delinea Secret Server: a dependency script, as JSON on standard input or as three arguments",
	Name:      "{key}",
	Fields:    []string{"key", "username"},
	Arguments: true,
	New:       without(Delinea{}),
}

// Delinea is the contract of a dependency script of Secret Server, which runs
// after a remote password change, with the arguments "KEY" "$USERNAME"
// "$PASSWORD" of which the last is the new password. The script's wrapper makes
// of them a JSON object on standard input with the members key, username and
// value or value_base64; or it passes the three on as arguments, which other
// users of the machine can see.
//
// Specification: docs.delinea.com, Secret Server, Scripting Token Reference.
type Delinea struct{}

// Read implements Script.
func (Delinea) Read(ctx context.Context, in *Input, wanted []string) ([]Change, error) {
	switch len(in.Args) {
	case 0:
		return object{value: "value"}.Read(ctx, in, wanted)
	case 3:
		fields := map[string]string{"key": textOf(in.Args[0]), "username": textOf(in.Args[1])}
		return []Change{{Fields: fields, Value: takeArg(in, 2)}}, nil
	}
	return nil, malformed(`%d arguments instead of none or three: "KEY" "$USERNAME" "$PASSWORD", each in double quotes`, len(in.Args))
}

// takeArg moves an argument out of the input.
func takeArg(in *Input, i int) (arg *hooks.Value) {
	arg, in.Args[i] = in.Args[i], nil
	return arg
}
