package scripts

var passwordstateProduct = Product{
	Summary: "Passwordstate: a post-processing script's wrapper, JSON on standard input",
	Caution: "the names of the variables that Passwordstate puts into a script are not confirmed; bind the wrapper's parameters to those that your version shows",
	Name:    "{key}",
	Fields:  []string{"key", "host", "username"},
	// The wrapper is this project's own: a JSON object with the members key,
	// host, username and value or value_base64.
	//
	// Specification of what runs it: Click Studios, Password Reset Scripts and
	// Password Reset Dependencies.
	New: without(object{value: "value"}),
}
