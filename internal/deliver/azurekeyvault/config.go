package azurekeyvault

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/internal/azure/sealed"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

// Config is the destination's part of the configuration. How to sign in is in `azure`.
type Config struct {
	// Vault is the Key Vault: its name, its URL, its resource ID, or
	// SUBSCRIPTION:GROUP:NAME. Required.
	Vault string `yaml:"vault"`
	// Prefix is what the names of the secrets begin with there: lower-case letters,
	// digits and hyphens, a hyphen last. Default: agent-NAME-, the agent's name with
	// each byte but a-w, y, z and 0-9 as x and two hexadecimal digits
	Prefix string `yaml:"prefix"`
	// SetOnly works without any permission to read: the role needs setSecret only.
	// Then nothing can be checked: what is not ours is written over, the same version
	// may be written again after a restart, and delete and soft_deleted must be none
	// and fail. Default: false
	SetOnly bool `yaml:"set_only"`
	// Delete says what a deleted secret leaves, beside the statement that it was
	// deleted: `none` leaves the sealed copy, `disable` disables its newest version,
	// `delete` deletes all versions so that they can be recovered, `purge` for good.
	// Default: disable, with set_only none
	Delete string `yaml:"delete"`
	// SoftDeleted says what is done where a secret to be written was deleted and is
	// kept for recovery: `fail`, `recover`, which first makes sure that it is ours and
	// not newer, or `purge`. Default: fail
	SoftDeleted string `yaml:"soft_deleted"`
	// ExpiresAfter is how long after it was written a secret expires, which Key Vault
	// shows and does not enforce. Default: it does not
	ExpiresAfter time.Duration `yaml:"expires_after"`
	// ContentType is the secrets' content type, up to 255 characters.
	// Default: application/x-sealrelay-FORMAT
	ContentType string `yaml:"content_type"`
	// Tags are added to each secret, up to four. Whoever may list can read them.
	// Default: none
	Tags map[string]string `yaml:"tags"`
}

// What a deletion leaves, and what is done about what was deleted.
const (
	leave        = "none"
	disable      = "disable"
	softDelete   = "delete"
	purge        = "purge"
	fail         = "fail"
	recoverFirst = "recover"
)

var prefixRule = lazyregexp.New(`^[a-z0-9-]*-$`)

func (c *Config) check(agent string) error {
	if c.Prefix == "" {
		c.Prefix = sealed.Prefix(agent)
	}
	if c.Delete == "" {
		if c.Delete = disable; c.SetOnly {
			c.Delete = leave
		}
	}
	if c.SoftDeleted == "" {
		c.SoftDeleted = fail
	}
	switch {
	case c.Vault == "":
		return fmt.Errorf("vault is required")
	case !prefixRule().MatchString(c.Prefix) || len(c.Prefix) > sealed.MaxPrefix:
		return fmt.Errorf("prefix: %q is not up to %d lower-case letters, digits and hyphens with a hyphen last", c.Prefix, sealed.MaxPrefix)
	case !slices.Contains([]string{leave, disable, softDelete, purge}, c.Delete):
		return fmt.Errorf("delete: %q is not none, disable, delete or purge", c.Delete)
	case !slices.Contains([]string{fail, recoverFirst, purge}, c.SoftDeleted):
		return fmt.Errorf("soft_deleted: %q is not fail, recover or purge", c.SoftDeleted)
	case c.SetOnly && (c.Delete != leave || c.SoftDeleted != fail):
		return fmt.Errorf("set_only goes with delete: none and soft_deleted: fail only, as nothing can be checked before it is deleted or recovered")
	case c.ExpiresAfter < 0 || c.ExpiresAfter > 0 && c.ExpiresAfter < time.Minute:
		return fmt.Errorf("expires_after is less than a minute")
	case len(c.ContentType) > 255:
		return fmt.Errorf("content_type is longer than 255 characters")
	}
	return c.checkTags()
}

func (c *Config) checkTags() error {
	if len(c.Tags) > sealed.MaxTags {
		return fmt.Errorf("tags: there are %d, and %d at most have room beside sealrelay's own", len(c.Tags), sealed.MaxTags)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Tags)) {
		switch {
		case name == "" || len(name) > 256 || len(c.Tags[name]) > 256:
			return fmt.Errorf("tags: the name or value of %q is empty or longer than 256 characters", name)
		case sealed.Reserved(name):
			return fmt.Errorf("tags: %q is one of sealrelay's own; choose another name", name)
		}
	}
	return nil
}

func (c *Config) contentType(format string) string {
	if c.ContentType != "" {
		return c.ContentType
	}
	return "application/x-sealrelay-" + strings.ToLower(format)
}

// owner is by what our secrets are known.
func owner(settings deliver.Settings) (sealed.Owner, error) {
	service, err := settings.Service()
	if err != nil {
		return sealed.Owner{}, err
	}
	clear(service.Key)
	if len(service.Issuer) > 256 {
		return sealed.Owner{}, fmt.Errorf("the issuer's name is longer than the 256 characters that a tag takes")
	}
	return sealed.Owner{Issuer: service.Issuer, Agent: settings.Agent.Name}, nil
}
