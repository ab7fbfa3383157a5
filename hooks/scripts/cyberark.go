package scripts

import (
	"context"
	"fmt"
	"io"

	"github.com/sealrelay/sealrelay/hooks"
)

var cyberArkProduct = Product{
	Summary:      "CyberArk: a Terminal Plugin Controller's conversation, by prompts",
	Caution:      "experimental: that a plugin of a usage runs after its account's change, and the name of the token with the new password, are not confirmed",
	Name:         "{key}",
	Fields:       []string{"key", "username"},
	Conversation: true,
	New:          without(CyberArk{}),
}

// CyberArk is the contract of a plugin of the Terminal Plugin Controller, which
// gives credentials as answers to prompts and never as parameters. The prompts
// are "Key: ", "Username: " and "Value: "; each answer is one line, ended by LF
// or CRLF, so a value has no line break. In the end comes the line that Result
// makes.
//
// Specification: docs.cyberark.com, Terminal Plugin Controller, Process file.
type CyberArk struct{}

// Read implements Script.
func (CyberArk) Read(_ context.Context, in *Input, _ []string) ([]Change, error) {
	fields := map[string]string{}
	for _, prompt := range []struct{ text, field string }{{"Key: ", "key"}, {"Username: ", "username"}} {
		line, err := ask(in, prompt.text)
		if err != nil {
			return nil, err
		}
		fields[prompt.field] = textOf(line)
		line.Wipe()
	}
	value, err := ask(in, "Value: ")
	if err != nil {
		return nil, err
	}
	return []Change{{Fields: fields, Value: value}}, nil
}

// ask prompts, and reads the line that answers.
func ask(in *Input, prompt string) (*hooks.Value, error) {
	if _, err := io.WriteString(in.Prompts, prompt); err != nil {
		return nil, fmt.Errorf("write the prompt: %w", err)
	}
	return readLine(in.Stdin, "the answer to a prompt")
}

// Result is the line that ends a conversation: "RESULT OK", or "RESULT ERR" and
// the exit code.
func Result(code int) string {
	if code == 0 {
		return "RESULT OK\n"
	}
	return fmt.Sprintf("RESULT ERR %d\n", code)
}
