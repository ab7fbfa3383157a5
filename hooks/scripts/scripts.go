// Package scripts reads Events out of what password managers give to the
// scripts that they run: standard input, arguments, environment, or a
// conversation of prompts. It has one file for each product's contract, and a
// Table that the next one joins. Like package adapters, it sends nothing: what
// becomes of the Events is the caller's.
//
// Only the new value of a secret becomes an Event. The old one, where a product
// gives it too, is wiped with the input. A value goes from the input straight
// into a buffer that is wiped; the exception is what a product puts on a command
// line or into the environment, which the system keeps in its own copy.
package scripts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
)

// MaxInput is the most that is read of standard input, a file or a program's
// output, in bytes.
const MaxInput = 4 << 20

// ErrUsage is the class of errors about how the script was set up, and not about
// what the product gave to it.
var ErrUsage = errors.New("wrong setup")

// Input is what a product gives to its script, and what the script may use of
// the machine. A Script uses what its contract names and leaves the rest alone.
type Input struct {
	// Stdin is standard input.
	Stdin io.Reader
	// Args are the product's arguments, without the program's own options. They
	// are Values because some products put passwords there; Events wipes them.
	Args []*hooks.Value
	// Env is the value of an environment variable, nil if there is none.
	Env func(name string) *hooks.Value
	// Prompts is where the prompts of a conversation go.
	Prompts io.Writer
	// Open opens a file.
	Open func(path string) (io.ReadCloser, error)
	// Run runs a program and returns what it wrote to standard output.
	Run func(ctx context.Context, program string, args ...string) (*hooks.Value, error)
}

// Change is one changed secret, as the product tells it.
type Change struct {
	// Fields are what the product says beside the value, none of it secret. A
	// secret's name is made of them.
	Fields map[string]string
	// Value is the new value.
	Value *hooks.Value
}

// Script is a product's contract.
type Script interface {
	// Read reads the input to its end, or as far as the contract goes. wanted
	// are the fields that a name will be made of; Read may leave others out. It
	// returns hooks.ErrMalformed for what the product does not give, and
	// hooks.ErrNoValue where there is no new value. The Changes' Values are the
	// caller's to wipe.
	Read(ctx context.Context, in *Input, wanted []string) ([]Change, error)
}

// Events reads the input and names each change; OccurredAt and ID are left
// empty. It refuses an empty value, since a product that has nothing to say
// gives one. The Values are the caller's to wipe; after an error there are none.
// The arguments of the input are wiped in either case.
func Events(ctx context.Context, script Script, in *Input, naming Naming) (_ []hooks.Event, err error) {
	changes, err := script.Read(ctx, in, naming.Template.Fields())
	defer func() {
		wipe(in.Args...)
		if err != nil {
			wipeChanges(changes)
		}
	}()
	if err != nil {
		return nil, err
	}
	events := make([]hooks.Event, 0, len(changes))
	named := map[string]bool{}
	for _, change := range changes {
		event, err := change.event(naming)
		if err != nil {
			return nil, err
		}
		if named[event.Secret] {
			return nil, fmt.Errorf("%w: two changes get the same name; let the name be made of a field that tells them apart", ErrUsage)
		}
		named[event.Secret] = true
		events = append(events, event)
	}
	return events, nil
}

func (c Change) event(naming Naming) (hooks.Event, error) {
	if c.Value.Len() == 0 {
		return hooks.Event{}, fmt.Errorf("%w: the new value is empty", hooks.ErrNoValue)
	}
	name, err := naming.name(c)
	return hooks.Event{Secret: name, Operation: hooks.Set, Value: c.Value}, err
}

// Product is how a product's script is set up.
type Product struct {
	// Summary is, in a line, what the product gives.
	Summary string
	// Caution is what of the contract is not confirmed; empty if all is.
	Caution string
	// Name is the template that names a secret if the user sets none; empty if
	// the product gives nothing that could.
	Name string
	// Fields are those that a name can be made of. One that ends in * stands for
	// all that begin with what is before it.
	Fields []string
	// Arguments: the product passes arguments.
	Arguments bool
	// Conversation: standard output belongs to the product, which reads prompts
	// and a result from it.
	Conversation bool
	// Generic: no product prescribes the exit codes.
	Generic bool
	// Settings are the options of this product alone.
	Settings []Setting
	// New makes the Script; setting gives the values of an option, none if it was
	// not given. The error is ErrUsage.
	New func(setting func(name string) []string) (Script, error)
}

// Setting is one option of a product's script.
type Setting struct {
	// Name is the option's, without dashes.
	Name string
	// Usage says what it is for, in a line, its argument between backquotes.
	Usage string
	// Default is its value if it is not given.
	Default string
	// Several: it may be given more than once.
	Several bool
}

// Table has each product by the name that commands use.
var Table = map[string]Product{
	"cyberark-tpc":  cyberArkProduct,
	"delinea":       delineaProduct,
	"env":           envProduct,
	"file":          fileProduct,
	"git":           gitProduct,
	"json":          jsonProduct,
	"keeper":        keeperProduct,
	"manageengine":  manageEngineProduct,
	"netwrix":       netwrixProduct,
	"passwordstate": passwordstateProduct,
}

// Naming is what names the product's secrets: template if it is not empty, else
// the product's own. The error is ErrUsage.
func (p Product) Naming(prefix, template string) (Naming, error) {
	if template == "" {
		template = p.Name
	}
	if template == "" {
		return Naming{}, fmt.Errorf("%w: nothing says the secret's name; give --secret NAME or --secret-template", ErrUsage)
	}
	parsed, err := ParseTemplate(template)
	if err != nil {
		return Naming{}, err
	}
	for _, field := range parsed.Fields() {
		if !slices.ContainsFunc(p.Fields, func(known string) bool { return covers(known, field) }) {
			return Naming{}, fmt.Errorf("%w: the product has no field %q for a name; it has %s", ErrUsage, field, strings.Join(p.Fields, ", "))
		}
	}
	return Naming{Prefix: prefix, Template: parsed}, nil
}

func covers(known, field string) bool {
	if begin, found := strings.CutSuffix(known, "*"); found {
		return strings.HasPrefix(field, begin) && len(field) > len(begin)
	}
	return known == field
}

// without is New for a product that has no settings.
func without(script Script) func(func(string) []string) (Script, error) {
	return func(func(string) []string) (Script, error) { return script, nil }
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", hooks.ErrMalformed, fmt.Sprintf(format, args...))
}

func wipe(values ...*hooks.Value) {
	for _, value := range values {
		value.Wipe()
	}
}

func wipeChanges(changes []Change) {
	for _, change := range changes {
		change.Value.Wipe()
	}
}
