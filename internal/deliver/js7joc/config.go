package js7joc

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/internal/js7joc"
	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

// Config is the destination's part of the configuration, with the settings of Access to
// a JOC Cockpit.
type Config struct {
	Access js7joc.Access `yaml:",inline"`
	// Controllers are the IDs of the controllers that the Job Resource is deployed
	// to. Required.
	Controllers []string `yaml:"controllers"`
	// JobResource is the folder and name of the Job Resource, such as
	// /sealrelay/web. Required.
	JobResource string `yaml:"job_resource"`
	// Create makes the Job Resource if there is none. Default: false
	Create bool `yaml:"create"`
	// Arguments are the names of the arguments, by secret. Any other secret has its
	// own name, with each byte that is no letter or digit as _ and two hexadecimal
	// digits: prod/db is prod_2Fdb. What begins with no letter has x_ in front.
	Arguments map[string]string `yaml:"arguments"`
	// Env are environment variables, by secret, that are set to the argument.
	// Default: none
	Env map[string]string `yaml:"env"`
	// Delete says what a deleted secret leaves: `remove` takes the argument and its
	// variable away, `empty` makes it an empty string. Default: remove
	Delete string `yaml:"delete"`
	// Settle is how long the Job Resource must stay as it was written before it is
	// called delivered: who had read it before, and stores it a moment after, is found
	// and written over. At most 1m. Default: 2s
	Settle time.Duration `yaml:"settle"`
	// Comment goes into the JOC Cockpit's audit log, at most 255 characters; a JOC
	// Cockpit that forces comments wants one. Default: none
	Comment string `yaml:"comment"`
}

// The values of Config.Delete.
const (
	remove = "remove"
	empty  = "empty"
)

const defaultSettle = 2 * time.Second

// statementSuffix is behind an argument's name for the argument with its statement.
const statementSuffix = "_statement"

var (
	argumentRule = lazyregexp.New(`^[A-Za-z][A-Za-z0-9_.-]*$`)
	envRule      = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)
	pathRule     = lazyregexp.New(`^(/[^/\x00-\x20"'$\\]+)+$`)
)

func (c *Config) check() error {
	c.Delete = cmp.Or(c.Delete, remove)
	c.Settle = cmp.Or(c.Settle, defaultSettle)
	switch {
	case c.Settle < 0 || c.Settle > time.Minute:
		return errors.New("settle is not from 0s to 1m")
	case len(c.Controllers) == 0 || slices.Contains(c.Controllers, ""):
		return errors.New("controllers is missing: name the controllers to deploy to")
	case !pathRule().MatchString(c.JobResource):
		return errors.New("job_resource is not a path such as /sealrelay/web")
	case c.Delete != remove && c.Delete != empty:
		return fmt.Errorf("delete is neither %s nor %s", remove, empty)
	case len(c.Comment) > 255:
		return errors.New("comment has more than 255 characters")
	}
	return c.checkNames()
}

// checkNames refuses what could make two secrets share an argument or a variable.
func (c *Config) checkNames() error {
	for _, names := range []struct {
		setting string
		of      map[string]string
		rule    func(string) bool
	}{
		{"arguments", c.Arguments, func(n string) bool {
			return argumentRule().MatchString(n) && !strings.HasSuffix(n, statementSuffix)
		}},
		{"env", c.Env, envRule().MatchString},
	} {
		owner := map[string]string{}
		for _, secret := range slices.Sorted(maps.Keys(names.of)) {
			name := names.of[secret]
			if !names.rule(name) {
				return fmt.Errorf("%s: %q is no name for one, or ends with %s", names.setting, name, statementSuffix)
			}
			if other, taken := owner[name]; taken {
				return fmt.Errorf("%s: %q and %q have the same name, %s", names.setting, other, secret, name)
			}
			owner[name] = secret
		}
	}
	return nil
}

// argument is the name of the secret's argument. A name that another secret was
// given by the configuration, or one with the statement's ending, is refused.
func (c *Config) argument(secret string) (string, error) {
	if name, ok := c.Arguments[secret]; ok {
		return name, nil
	}
	name := encodeName(secret)
	for other, taken := range c.Arguments {
		if taken == name {
			return "", fmt.Errorf("the argument %s is that of another secret, %q; name one for this secret in arguments", name, other)
		}
	}
	return name, nil
}

// encodeName is injective: an underscore stands before two hexadecimal digits. A name
// begins with a letter, so that what begins with none has x and one more underscore
// in front. None ends with the statement's suffix.
func encodeName(secret string) string {
	var b strings.Builder
	for i := range len(secret) {
		c := secret[i]
		letter, digit := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z', '0' <= c && c <= '9'
		switch {
		case letter || digit && i > 0:
			b.WriteByte(c)
		case i == 0:
			fmt.Fprintf(&b, "x__%02X", c)
		default:
			fmt.Fprintf(&b, "_%02X", c)
		}
	}
	return b.String()
}
