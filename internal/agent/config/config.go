// Package config is the agent's configuration: one YAML file, read strictly. The
// comments of its structs are what docs/agent.md says of the settings.
package config

import (
	"time"

	shared "github.com/sealrelay/sealrelay/internal/config"
)

// Config is the file. A path in it that is relative starts at the file's folder.
type Config struct {
	// Name is what the service calls this agent. Required.
	Name string `yaml:"name"`
	// StateDir is the folder of the sealed copies. It is made, for the agent's
	// user only, if its last part is missing. Default: state
	StateDir string `yaml:"state_dir"`
	// Identities are the private keys that open; a delivery must be for one of
	// them. Required.
	Identities []Identity `yaml:"identities"`
	// ServiceKeyFiles are the pinned public keys of the service; a statement must
	// be signed with one of them. Required.
	ServiceKeyFiles []string `yaml:"service_key_files"`
	// SigningKeyFile is the agent's own Ed25519 private key, which signs receipts
	// and opens nothing (`sealrelay keys generate ed25519`). `run` needs it.
	SigningKeyFile string `yaml:"signing_key_file"`
	// Receive is the listener for pushes. Default: none
	Receive *Receive `yaml:"receive"`
	// Mailbox is where the agent fetches what waits for it. Default: none
	Mailbox *Mailbox `yaml:"mailbox"`
	// Azure has how to sign in to Azure, with the settings that the service's
	// configuration has under azure. Vaults and stores in Key Vaults need it.
	Azure *shared.Settings `yaml:"azure"`
	// Vaults are Azure Key Vaults that the service puts copies into. Default: none
	Vaults []Vault `yaml:"vaults"`
	// Actions are what is done when a secret changes. All whose globs match are
	// done.
	Actions []Action `yaml:"actions"`
	// Jobs are what the agent does of the service's jobs; it asks for them where the
	// mailbox is. Default: none are done
	Jobs *Jobs `yaml:"jobs"`
	// Log says what gets logged, as JSON lines on standard error.
	Log Log `yaml:"log"`

	dir string
}

// Identity is a file with private keys of any kind, or a folder of them.
type Identity struct {
	// File holds the keys, PEM, age, OpenPGP, JWK or a keystore. It or Dir is
	// required.
	File string `yaml:"file"`
	// Dir is a folder in which each file agent*.key holds keys, none of them
	// encrypted. `sealrelay agent rekey` puts the next key there.
	Dir string `yaml:"dir"`
	// PasswordFile holds the password of an encrypted key or keystore.
	PasswordFile string `yaml:"password_file"`
	// Alias is the entry of a keystore.
	Alias string `yaml:"alias"`
}

// Receive is the listener for pushes.
type Receive struct {
	// Listen is the address, host:port. Required.
	Listen string `yaml:"listen"`
	// CertFile is the agent's TLS certificate chain, PEM; it is read again when it
	// changes. Required.
	CertFile string `yaml:"cert_file"`
	// KeyFile is the private key of CertFile, PEM. Required.
	KeyFile string `yaml:"key_file"`
	// ClientCAFile has the authorities that must have issued the certificate that
	// the service shows. It or ClientPins is required; both must hold.
	ClientCAFile string `yaml:"client_ca_file"`
	// ClientNames are the DNS names of which that certificate must have one.
	// Default: any
	ClientNames []string `yaml:"client_names"`
	// ClientPins are the fingerprints, sha256:HEX, of the certificates of which it
	// must be one, at most 8.
	ClientPins []string `yaml:"client_pins"`
}

// Mailbox is where the agent fetches what waits for it.
type Mailbox struct {
	// URL is that of the service's listener. Required.
	URL string `yaml:"url"`
	// CAFile has the authorities of the service's certificate. Default: the
	// system's
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile are the client certificate that the agent shows, PEM.
	// Default: none, requests are signed with SigningKeyFile
	CertFile string `yaml:"cert_file"`
	// KeyFile is the private key of CertFile, PEM.
	KeyFile string `yaml:"key_file"`
}

// Vault is an Azure Key Vault that the service puts copies into.
type Vault struct {
	// Vault is its name, its URL or its resource ID. Required.
	Vault string `yaml:"vault"`
	// Prefix is that of the service's destination. Default: that of the agent's name
	Prefix string `yaml:"prefix"`
	// Secrets are the names of the secrets that are read. Required.
	Secrets []string `yaml:"secrets"`
	// Every is how often they are. At least 10s. Default: 5m
	Every time.Duration `yaml:"every"`
}

// Action is what is done when one of its secrets has changed: first envelopes are
// laid out and templates rendered, then the command, the signal, the touch.
type Action struct {
	// Secrets are globs of secret names. Required.
	Secrets []string `yaml:"secrets"`
	// LayOut is the folder that gets the envelopes as files.
	LayOut *LayOut `yaml:"lay_out"`
	// Render are templates that are written anew.
	Render []Render `yaml:"render"`
	// Run is a command and its arguments; no shell is involved, its output is not
	// kept, and an exit code other than 0 is a failure.
	Run []string `yaml:"run"`
	// Signal is sent to a process.
	Signal *Signal `yaml:"signal"`
	// Touch is a file whose time is set to now; it is made if it is not there.
	Touch string `yaml:"touch"`
	// Debounce is how long no further change may have come before the action is
	// taken, once for all of them; it waits at most ten times as long. Default: 1s
	Debounce time.Duration `yaml:"debounce"`
	// Timeout bounds the command. Default: 30s
	Timeout time.Duration `yaml:"timeout"`
}

// LayOut is a folder of envelopes, as the service's destination file has it.
type LayOut struct {
	// Dir is the folder. Required.
	Dir string `yaml:"dir"`
	// Mode is the permission bits of the files, octal. Default: 0600
	Mode string `yaml:"mode"`
	// Owner is whom they belong to, user or user:group.
	Owner string `yaml:"owner"`
}

// Render is a template and where its output goes.
type Render struct {
	// Template is the file with the template. Required.
	Template string `yaml:"template"`
	// To is the file to write, on tmpfs. Required.
	To string `yaml:"to"`
	// Mode is its permission bits, octal. Default: 0600
	Mode string `yaml:"mode"`
	// Owner is whom it belongs to, user or user:group.
	Owner string `yaml:"owner"`
	// AllowDisk permits a place that is not on tmpfs, where the values can outlive
	// the machine's power. Default: false
	AllowDisk bool `yaml:"allow_disk"`
}

// Signal is sent to a process.
type Signal struct {
	// PIDFile has the number of the process. Required.
	PIDFile string `yaml:"pid_file"`
	// Name is HUP, USR1, USR2, INT or TERM. Default: HUP
	Name string `yaml:"name"`
}

// Log says what gets logged.
type Log struct {
	// Level is debug, info, warn or error. Default: info
	Level string `yaml:"level"`
}
