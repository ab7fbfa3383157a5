package scripts

import (
	"crypto/subtle"
	"fmt"
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
)

// Naming says how a secret's name is made of what a product tells.
type Naming struct {
	// Prefix is put before the name, as it is: "prod/".
	Prefix string
	// Template is what is made of the fields.
	Template Template
}

// name is the secret's name. A field whose text is the value is refused: that is
// a record whose password stands in the wrong place, and a name is not secret.
func (n Naming) name(c Change) (string, error) {
	for _, field := range n.Template.Fields() {
		if err := checkNotValue(field, c.Fields[field], c.Value); err != nil {
			return "", err
		}
	}
	text, err := n.Template.expand(c.Fields)
	if err != nil {
		return "", err
	}
	if err := hooks.CheckName(n.Prefix + text); err != nil {
		return "", fmt.Errorf("%w; see what the name is made of", err)
	}
	return n.Prefix + text, nil
}

func checkNotValue(field, text string, value *hooks.Value) error {
	return value.Expose(func(plaintext []byte) error {
		if subtle.ConstantTimeCompare([]byte(text), plaintext) == 1 {
			return malformed("the field %s, of which the name is made, has the value itself", field)
		}
		return nil
	})
}

// Template is a text with fields in braces: "db/{host}/{user}". A Template
// without fields is a name.
type Template struct {
	parts []part
}

// part is a text, or the name of a field.
type part struct {
	text    string
	isField bool
}

// errTemplate is ErrUsage for a text that is no template.
var errTemplate = fmt.Errorf("%w: the name's template is not a text with {field} in it; each brace has its other, and a field's name between them", ErrUsage)

// ParseTemplate reads a template. There is no escape for a brace, which no
// secret's name has. The error is ErrUsage.
func ParseTemplate(text string) (Template, error) {
	var t Template
	for text != "" {
		plain, rest, found := strings.Cut(text, "{")
		if strings.Contains(plain, "}") {
			return Template{}, errTemplate
		}
		if plain != "" {
			t.parts = append(t.parts, part{text: plain})
		}
		if !found {
			break
		}
		field, after, closed := strings.Cut(rest, "}")
		if !closed || field == "" || strings.Contains(field, "{") {
			return Template{}, errTemplate
		}
		t.parts = append(t.parts, part{text: field, isField: true})
		text = after
	}
	return t, nil
}

// Fields are the names of the fields, in the template's order.
func (t Template) Fields() []string {
	var fields []string
	for _, p := range t.parts {
		if p.isField {
			fields = append(fields, p.text)
		}
	}
	return fields
}

// expand fills the fields in. A field that stands alone may be a whole name,
// slashes and all; among others it is part of one segment, so that no text of a
// product's users moves the name to another place.
func (t Template) expand(fields map[string]string) (string, error) {
	var name strings.Builder
	for _, p := range t.parts {
		text := p.text
		if p.isField {
			text = fields[p.text]
			if text == "" {
				return "", malformed("the field %s, of which the name is made, is missing or empty", p.text)
			}
			if len(t.parts) > 1 && strings.ContainsAny(text, `/\`) {
				return "", malformed("the field %s has a slash, which is allowed only where the name is that field alone, behind a prefix", p.text)
			}
		}
		name.WriteString(text)
		if name.Len() > hooks.MaxNameLen {
			return "", errLongName
		}
	}
	return name.String(), nil
}

var errLongName = fmt.Errorf("%w: the name would be longer than %d bytes", hooks.ErrMalformed, hooks.MaxNameLen)
