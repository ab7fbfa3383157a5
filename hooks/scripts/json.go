package scripts

import "fmt"

var jsonProduct = Product{
	Summary:  "any program that writes a JSON object to standard input",
	Name:     "{key}",
	Fields:   []string{"*"},
	Generic:  true,
	Settings: []Setting{{Name: "value-from", Usage: "`member` of the object that has the value; the same with " + encodedSuffix + " has it in base64", Default: "value"}},
	New: func(setting func(string) []string) (Script, error) {
		member := setting("value-from")[0]
		if member == "" {
			return nil, fmt.Errorf("%w: --value-from names no member", ErrUsage)
		}
		return object{value: member}, nil
	},
}
