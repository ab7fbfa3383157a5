package js7joc

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/sealrelay/sealrelay/internal/deliver/layout"
	"github.com/sealrelay/sealrelay/internal/js7joc"
	"github.com/sealrelay/sealrelay/internal/js7joc/expression"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// operationSet is the operation of a delivery with an envelope.
const operationSet = "set"

// expressions are what a delivery writes.
type expressions struct {
	argument  string
	value     string
	statement string
}

func (c *Config) expressions(d outbox.Delivery) (expressions, error) {
	argument, err := c.argument(d.Secret)
	if err != nil {
		return expressions{}, err
	}
	if !utf8.Valid(d.Envelope) {
		return expressions{}, fmt.Errorf("the envelope (format %s) is not text; give the agent a key for js7, or a format that is text", d.Format)
	}
	value, err := expression.Quote(string(d.Envelope))
	if err != nil {
		return expressions{}, fmt.Errorf("the envelope (format %s): %w", d.Format, err)
	}
	statement, err := expression.Quote(d.Statement)
	if err != nil {
		return expressions{}, errors.New("the statement is none")
	}
	return expressions{argument, value, statement}, nil
}

// apply is the configuration with the changes. What is there that is newer stays. A
// change that cannot be made gets its error and is left out from then on.
func (c *Config) apply(there js7joc.Configuration, changes []*change) js7joc.Configuration {
	out := there.Clone()
	for _, ch := range changes {
		if ch.err == nil {
			ch.err = c.applyOne(&out, ch.Delivery)
		}
	}
	return out
}

func (c *Config) applyOne(out *js7joc.Configuration, d outbox.Delivery) error {
	write, err := c.expressions(d)
	if err != nil {
		return err
	}
	statement, _ := expression.Unquote(out.Arguments[write.argument+statementSuffix])
	newer, err := layout.Superseded([]byte(statement), d)
	if err != nil || newer {
		return err
	}
	out.Arguments[write.argument+statementSuffix] = write.statement
	env := c.Env[d.Secret]
	switch {
	case d.Operation == operationSet:
		out.Arguments[write.argument] = write.value
	case c.Delete == empty:
		out.Arguments[write.argument] = `""`
	default:
		delete(out.Arguments, write.argument)
		delete(out.Env, env)
		return nil
	}
	if env == "" {
		return nil
	}
	if out.Env == nil {
		out.Env = map[string]string{}
	}
	out.Env[env] = "$" + write.argument
	return nil
}
