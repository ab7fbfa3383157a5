package scripts

import "context"

var manageEngineProduct = Product{
	Summary:   "ManageEngine PAM360 and Password Manager Pro: a password reset listener's five arguments",
	Caution:   "the order of the arguments is documented for Password Manager Pro; whether PAM360 8400 and later let you choose them is not confirmed, and neither is that they heed the exit code",
	Name:      "{resource}/{account}",
	Fields:    []string{"resource", "dns", "account"},
	Arguments: true,
	New:       without(ManageEngine{}),
}

// ManageEngine is the contract of a password reset listener: the resource's
// name, its DNS name, the account's name, the old password, the new password.
// The passwords are on the command line because the product puts them there.
//
// Specification: Password Manager Pro's help, Password Reset Listener.
type ManageEngine struct{}

// Read implements Script.
func (ManageEngine) Read(_ context.Context, in *Input, _ []string) ([]Change, error) {
	if len(in.Args) != 5 {
		return nil, malformed("%d arguments instead of five: resource name, DNS name, account name, old password, new password", len(in.Args))
	}
	fields := map[string]string{"resource": textOf(in.Args[0]), "dns": textOf(in.Args[1]), "account": textOf(in.Args[2])}
	return []Change{{Fields: fields, Value: takeArg(in, 4)}}, nil
}
