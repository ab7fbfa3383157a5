// Package render puts values into templates, and the result onto tmpfs.
//
// A template is one of text/template with two functions, secret "NAME" and
// field "NAME" "FIELD", and nothing else: no condition, variable or pipe. So no
// value goes through the machinery of templates, which works on strings that
// nobody can wipe, and what comes out is the template's text with the values in
// it, byte for byte.
package render

import (
	"errors"
	"fmt"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/sealrelay/sealrelay/internal/jsonscan"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// MaxTemplate is the largest template, in bytes.
const MaxTemplate = 1 << 20

// Opener opens a secret, for the caller to wipe.
type Opener func(secret string) (*secretbytes.Value, error)

// Template is a parsed template. It is safe for concurrent use.
type Template struct{ pieces []piece }

// piece is either text or the place of a value.
type piece struct {
	text string
	// secret is empty for text; field is empty for the whole value.
	secret, field string
}

// Parse reads a template; name is what its errors call it. An error repeats
// nothing of the text but names of secrets and fields.
func Parse(name, text string) (*Template, error) {
	if len(text) > MaxTemplate {
		return nil, fmt.Errorf("template %s has more than %d bytes", name, MaxTemplate)
	}
	functions := template.FuncMap{"secret": func(string) string { return "" }, "field": func(string, string) string { return "" }}
	parsed, err := template.New(name).Funcs(functions).Parse(text)
	if err != nil {
		return nil, errors.New(withoutText(name, err))
	}
	if len(parsed.Templates()) > 1 {
		return nil, fmt.Errorf("template %s defines another; one file is one template", name)
	}
	t := &Template{}
	if parsed.Tree == nil {
		return t, nil
	}
	for _, node := range parsed.Root.Nodes {
		p, err := pieceOf(node)
		if err != nil {
			line := 1 + strings.Count(text[:node.Position()], "\n")
			return nil, fmt.Errorf("template %s, line %d: %w", name, line, err)
		}
		t.pieces = append(t.pieces, p)
	}
	return t, nil
}

// withoutText is where a template is wrong, without what stands there.
func withoutText(name string, err error) string {
	where := strings.TrimPrefix(err.Error(), "template: "+name+":")
	line, _, _ := strings.Cut(where, ":")
	return fmt.Sprintf("template %s, line %s: it is no template; {{secret \"NAME\"}} and {{field \"NAME\" \"FIELD\"}} are what it can have", name, line)
}

var errOther = errors.New("{{secret \"NAME\"}} and {{field \"NAME\" \"FIELD\"}} are all that a template can have, with names in quotes")

func pieceOf(node parse.Node) (piece, error) {
	switch node := node.(type) {
	case *parse.TextNode:
		return piece{text: string(node.Text)}, nil
	case *parse.ActionNode:
		return valueOf(node.Pipe)
	}
	return piece{}, errOther
}

func valueOf(pipe *parse.PipeNode) (piece, error) {
	if len(pipe.Decl) > 0 || len(pipe.Cmds) != 1 {
		return piece{}, errOther
	}
	args := pipe.Cmds[0].Args
	function, ok := args[0].(*parse.IdentifierNode)
	if !ok {
		return piece{}, errOther
	}
	var names []string
	for _, arg := range args[1:] {
		name, ok := arg.(*parse.StringNode)
		if !ok || name.Text == "" {
			return piece{}, errOther
		}
		names = append(names, name.Text)
	}
	switch {
	case function.Ident == "secret" && len(names) == 1:
		return piece{secret: names[0]}, nil
	case function.Ident == "field" && len(names) == 2:
		return piece{secret: names[0], field: names[1]}, nil
	}
	return piece{}, errOther
}

// Render returns the output, for the caller to wipe.
func (t *Template) Render(open Opener) (*secretbytes.Value, error) {
	values := make([]*secretbytes.Value, len(t.pieces))
	defer func() {
		for _, value := range values {
			value.Wipe()
		}
	}()
	size := 0
	for i, p := range t.pieces {
		size += len(p.text)
		if p.secret == "" {
			continue
		}
		var err error
		if values[i], err = p.value(open); err != nil {
			return nil, fmt.Errorf("secret %q: %w", p.secret, err)
		}
		size += values[i].Len()
	}
	return secretbytes.Produce(func() ([]byte, error) {
		out := make([]byte, 0, size) // Is not outgrown, so no copy stays behind.
		for i, p := range t.pieces {
			out = append(out, p.text...)
			if values[i] == nil {
				continue
			}
			if err := values[i].Expose(func(plaintext []byte) error { out = append(out, plaintext...); return nil }); err != nil {
				return out, err
			}
		}
		return out, nil
	})
}

func (p piece) value(open Opener) (*secretbytes.Value, error) {
	whole, err := open(p.secret)
	if err != nil || p.field == "" {
		return whole, err
	}
	defer whole.Wipe()
	return Field(whole, p.field)
}

// Field returns one field of a secret whose value is a JSON object of strings,
// for the caller to wipe.
func Field(whole *secretbytes.Value, name string) (field *secretbytes.Value, err error) {
	err = whole.Expose(func(plaintext []byte) error {
		document, err := jsonscan.Parse(plaintext)
		if err != nil || document.Kind() != jsonscan.Object {
			return errors.New("its value has no fields: it is no JSON object")
		}
		found := document.At(jsonscan.Pointer{name})
		if found.Kind() != jsonscan.String {
			return fmt.Errorf("it has no field %q that is text", name)
		}
		field = found.Secret()
		return nil
	})
	return field, err
}
