package keys

import (
	"errors"

	"filippo.io/age/plugin"
)

// Options are what reading a key file may need besides the file. The zero value
// reads what is neither encrypted nor one of several.
type Options struct {
	// Password opens encrypted keys and keystores; nil means that there is none.
	// It is UTF-8 where the container does not say otherwise, and one for all
	// that is in the file: the keys of a keystore have the keystore's own. The
	// caller wipes it.
	Password []byte
	// Alias is the entry of a PKCS#12 or JKS keystore that is meant, in upper or
	// lower case; empty means every entry.
	Alias string
	// Plugin is how age plugins talk to the user, when something is sealed or
	// opened; nil refuses all that they ask for.
	Plugin *plugin.ClientUI
}

func (o Options) plugin() *plugin.ClientUI {
	if o.Plugin != nil {
		return o.Plugin
	}
	return silentUI
}

var errNoUser = errors.New("nobody is there to answer an age plugin")

// silentUI answers plugins where nobody can be asked. What a plugin merely
// tells needs no answer.
var silentUI = &plugin.ClientUI{
	DisplayMessage: func(_, _ string) error { return nil },
	RequestValue:   func(_, _ string, _ bool) (string, error) { return "", errNoUser },
	Confirm:        func(_, _, _, _ string) (bool, error) { return false, errNoUser },
}
