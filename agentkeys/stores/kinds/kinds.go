// Package kinds is the table of the kinds of certificate stores.
package kinds

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/directory"
	"github.com/sealrelay/sealrelay/agentkeys/stores/js7joc"
	"github.com/sealrelay/sealrelay/agentkeys/stores/keystore"
	"github.com/sealrelay/sealrelay/agentkeys/stores/script"
	"github.com/sealrelay/sealrelay/agentkeys/stores/ssh"
	"github.com/sealrelay/sealrelay/agentkeys/stores/tls"
)

// Settings is how a kind's constructor gets its part of the configuration.
type Settings struct {
	// Decode fills the fields of a pointer to a struct strictly: an unknown key is an
	// error with its line.
	Decode func(into any) error
	// Path makes a path of the configuration absolute.
	Path func(string) string
	// KeyVault makes the store of the kind azure-key-vault of what decode reads
	// (azurekeyvault.Open). This package is without the SDK of Azure, which a program
	// for small machines has no room for; nil for such a program.
	KeyVault func(decode func(into any) error) (stores.Store, error)
}

// All are the kinds by the name they have in a configuration.
var All = map[string]func(Settings) (stores.Store, error){
	"azure-key-vault": newAzureKeyVault,
	"directory": func(s Settings) (stores.Store, error) {
		return decoded(s, func(c directory.Config) (stores.Store, error) {
			c.Dir = s.Path(c.Dir)
			return directory.New(c)
		})
	},
	"js7-joc": func(s Settings) (stores.Store, error) {
		return decoded(s, func(c js7joc.Config) (stores.Store, error) { return js7joc.New(c, s.Path) })
	},
	"pkcs12": newKeystore(keystore.PKCS12),
	"jks":    newKeystore(keystore.JKS),
	"script": func(s Settings) (stores.Store, error) {
		return decoded(s, func(c script.Config) (stores.Store, error) { return script.New(c) })
	},
	"ssh": func(s Settings) (stores.Store, error) {
		return decoded(s, func(c ssh.Config) (stores.Store, error) {
			c.KnownHosts = s.Path(c.KnownHosts)
			return ssh.New(c)
		})
	},
	"tls": func(s Settings) (stores.Store, error) {
		return decoded(s, func(c tls.Config) (stores.Store, error) { return tls.New(c) })
	},
}

// New makes a store of that kind. The error of an unknown kind names those there are.
func New(kind string, settings Settings) (stores.Store, error) {
	construct, ok := All[kind]
	if !ok {
		return nil, fmt.Errorf("unknown kind of store %q; there are %s", kind, strings.Join(slices.Sorted(maps.Keys(All)), ", "))
	}
	return construct(settings)
}

// decoded makes a store of its settings.
func decoded[C any](s Settings, construct func(C) (stores.Store, error)) (stores.Store, error) {
	var config C
	if err := s.Decode(&config); err != nil {
		return nil, err
	}
	return construct(config)
}

// ErrNoKeyVault says that the program has nothing that reads Azure Key Vaults.
var ErrNoKeyVault = errors.New("this program was built without the service, and so without what reads Azure Key Vaults")

func newAzureKeyVault(s Settings) (stores.Store, error) {
	if s.KeyVault == nil {
		return nil, ErrNoKeyVault
	}
	return s.KeyVault(s.Decode)
}

func newKeystore(format string) func(Settings) (stores.Store, error) {
	return func(s Settings) (stores.Store, error) {
		return decoded(s, func(c keystore.Config) (stores.Store, error) {
			c.File, c.PasswordFile = s.Path(c.File), s.Path(c.PasswordFile)
			return keystore.New(c, format)
		})
	}
}
