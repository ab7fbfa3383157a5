package scripts

var netwrixProduct = Product{
	Summary: "Netwrix Password Secure: a user-defined RunScript's wrapper, JSON on standard input",
	Name:    "{host}/{username}",
	Fields:  []string{"host", "username"},
	// The wrapper is this project's own: a JSON object with the members host,
	// username and value or value_base64, from RunScript's parameters HostName,
	// UserName and NewPassword. It answers "true" or "false".
	//
	// Specification: docs.passwordsafe.com, Password Reset, User-defined scripts.
	New: without(object{value: "value"}),
}
