// Package config is the one configuration of sealrelay: a YAML file, read
// strictly. The comments of the fields below are its manual; docs/configuration.md
// is made from them.
package config

import (
	"path/filepath"
	"time"

	"github.com/sealrelay/sealrelay/internal/jobs/command"
)

//go:generate go run ./manual ../../docs/configuration.md

// Config is the whole file. Paths in it are relative to the file's folder.
type Config struct {
	// DataDir is the folder of the outbox. It is made, for the service's user
	// only, if it is not there. Default: data
	DataDir string `yaml:"data_dir"`
	// Issuer names this service in the statements it signs. Default: sealrelay
	Issuer string `yaml:"issuer"`
	// SigningKeyFile is the service's Ed25519 private key (PKCS#8 PEM, from
	// `sealrelay keys generate ed25519`), which signs statements. An agent
	// pins its public half. Required.
	SigningKeyFile string `yaml:"signing_key_file"`
	// Server is the listener that password managers call.
	Server Server `yaml:"server"`
	// Admin is the listener for the operator, on loopback.
	Admin Admin `yaml:"admin"`
	// Log says what gets logged, as JSON lines on standard error.
	Log Log `yaml:"log"`
	// Outbox says how long the outbox remembers.
	Outbox Outbox `yaml:"outbox"`
	// Delivery says how deliveries are tried.
	Delivery Delivery `yaml:"delivery"`
	// KeyPolicy is what every agent's key must fulfil beyond the rules for all.
	KeyPolicy KeyPolicy `yaml:"key_policy"`
	// EnrolmentRules decide on the keys that agents register; the first that
	// matches counts. Default: defer
	EnrolmentRules []EnrolmentRule `yaml:"enrolment_rules"`
	// Escrow is an offline key that each value is sealed for as well.
	// Default: none
	Escrow *Escrow `yaml:"escrow"`
	// Azure has the settings of the section Azure below: how to sign in, for all that
	// works with it. Default: nothing does
	Azure *Settings `yaml:"azure"`
	// Stores are certificate stores, by name, that keys can be taken from and
	// `sealrelay stores` works on. Default: none
	Stores map[string]Store `yaml:"stores"`
	// Jobs are those that `sealrelay jobs` shows, by name. Default: none
	Jobs map[string]Job `yaml:"jobs"`
	// Commands are programs of yours that jobs of kind custom run on the service, by
	// name. Default: none
	Commands map[string]command.Command `yaml:"commands"`
	// Authorities sign requests for certificates, by name. Default: none
	Authorities map[string]Authority `yaml:"authorities"`
	// Sources are the senders, by name; the name is the last part of the URL
	// /v1/hooks/NAME.
	Sources map[string]Source `yaml:"sources"`
	// Agents are the receivers, by name.
	Agents map[string]Agent `yaml:"agents"`
	// Groups are sets of agents, by name.
	Groups map[string]Group `yaml:"groups"`
	// Routes say which agents get a secret. All routes that match count; a
	// secret that none matches is refused with 422.
	Routes []Route `yaml:"routes"`

	dir string
	// stored are keys that were read from stores; nil until they are.
	stored map[StoreKey]Stored
}

// Server is the listener that password managers call.
type Server struct {
	// Listen is the address, host:port. Default: 127.0.0.1:8443
	Listen string `yaml:"listen"`
	// CertFile is the server's certificate chain, PEM. It is read again when
	// it changes and on SIGHUP; a bad one is reported and the old one kept.
	CertFile string `yaml:"cert_file"`
	// KeyFile is the private key of CertFile, PEM.
	KeyFile string `yaml:"key_file"`
	// TrustedProxies are the networks (CIDR) whose X-Forwarded-For is believed
	// when a source's allowed addresses are checked. Default: none
	TrustedProxies []string `yaml:"trusted_proxies"`
	// MaxInFlight is how many requests are worked on at once; one more gets
	// 503. The bodies of four times as many may be arriving. Together with the
	// body limits it bounds memory. Default: 256
	MaxInFlight int `yaml:"max_in_flight"`
	// ShutdownTimeout bounds the graceful stop. At least 1s. Default: 30s
	ShutdownTimeout time.Duration `yaml:"shutdown_timeout"`
}

// Admin is the listener with /healthz, /readyz, /metrics and the admin API.
type Admin struct {
	// Listen is a loopback address, host:port; "off" for none.
	// Default: 127.0.0.1:9443
	Listen string `yaml:"listen"`
	// Tokens are those of the admin API, by name. The name stands in the audit
	// log for whoever used the token. Without any the API refuses everybody.
	Tokens map[string]AdminToken `yaml:"tokens"`
}

// AdminToken is a token of the admin API.
type AdminToken struct {
	// File has the token: 16 to 4096 letters, digits and -._~+/ with = at the
	// end only. It is read again on SIGHUP.
	File string `yaml:"file"`
	// Role is viewer, which looks, or operator, which also retries, pauses,
	// resumes, and puts agents in quarantine.
	Role string `yaml:"role"`
}

// Log says what gets logged.
type Log struct {
	// Level is debug, info, warn or error. Default: info
	Level string `yaml:"level"`
}

// Outbox says how long the outbox remembers.
type Outbox struct {
	// EventRetention is how long an accepted event is known, so that a repeat
	// of it is answered and not sealed again. At least 1h. Default: 720h
	EventRetention time.Duration `yaml:"event_retention"`
}

// Delivery says how deliveries are tried.
type Delivery struct {
	// Workers is how many are tried at once. Default: 16
	Workers int `yaml:"workers"`
	// PerDestination is how many are tried at once at one destination of an
	// agent. A slow destination holds so many workers; the others have the
	// rest. Default: 4
	PerDestination int `yaml:"per_destination"`
	// BreakAfter is how many attempts in a row may fail at a destination. Then
	// its deliveries wait, and one at a time tries it, after retry_first, three
	// times as long and so on up to retry_max, until one succeeds. A refusal
	// that no repetition mends is not counted. Default: 5
	BreakAfter int `yaml:"break_after"`
	// Timeout bounds one attempt. At least 1s. Default: 30s
	Timeout time.Duration `yaml:"timeout"`
	// RetryFirst is the pause after the first failure; it triples with each
	// further one, give or take a fifth. Default: 5s
	RetryFirst time.Duration `yaml:"retry_first"`
	// RetryMax is the longest pause. Default: 1h
	RetryMax time.Duration `yaml:"retry_max"`
	// GiveUpAfter is how long after its acceptance, or after its destination
	// was last resumed, a delivery that fails is given up and becomes dead.
	// Default: 72h
	GiveUpAfter time.Duration `yaml:"give_up_after"`
}

// KeyPolicy is what every agent's key must fulfil.
type KeyPolicy struct {
	// NoLegacy refuses envelope formats that authenticate less than today's
	// formats do (js7). `sealrelay formats` marks them. Default: false
	NoLegacy bool `yaml:"no_legacy"`
}

// Escrow is an offline key that each value is sealed for as well. The copy of
// each secret's latest version stays in the outbox, for `sealrelay reseal`.
// Whoever has the private half and reads the outbox has every secret: see
// docs/agents.md before you make one.
type Escrow struct {
	// File has the public key, of age (age1...) or age hybrid (age1pq1...).
	// Required.
	File string `yaml:"file"`
}

// Source is one configured sender.
type Source struct {
	// Verify has one entry: the scheme that proves who sent a request
	// (standard-webhooks, hmac, github, doppler, stripe, infisical, bearer,
	// basic, api-key, client-certificate, oidc-jwt, entra-jwt,
	// http-message-signatures) and its settings, for which see docs/hooks.md.
	Verify map[string]Settings `yaml:"verify"`
	// Adapter has one entry: how events are read out of the request, and its
	// settings. With values: push, json, cloudevents, eso-push. Telling of change
	// only: akeyless, aws-secrets-manager, azure-event-grid, bitwarden,
	// delinea-platform, delinea-secretchanged, doppler, gcp-pubsub, infisical,
	// keeper-alert, psono, set-push.
	Adapter map[string]Settings `yaml:"adapter"`
	// MayWrite are globs of the secret names that the source may change: *
	// stands for any characters but the slash, ** for any. Required.
	MayWrite []string `yaml:"may_write"`
	// Labels go with each event of the source; routes can ask for them.
	Labels map[string]string `yaml:"labels"`
	// AllowFrom are the networks (CIDR) or addresses it may call from.
	// Default: any
	AllowFrom []string `yaml:"allow_from"`
	// ClientCertificate asks for a TLS client certificate as well. It needs TLS:
	// with --insecure-loopback the service does not start.
	ClientCertificate *ClientCertificate `yaml:"client_certificate"`
	// RatePerSecond is how many authenticated requests are taken a second.
	// Default: 100
	RatePerSecond float64 `yaml:"rate_per_second"`
	// RateBurst is how many may come at once. Default: 200
	RateBurst int `yaml:"rate_burst"`
	// MaxBodyBytes is the largest body. At most 16777216. Default: 1048576
	MaxBodyBytes int64 `yaml:"max_body_bytes"`
	// Strict refuses an event whole (422) if the key of any of its agents
	// fails the policy; otherwise the other agents get theirs.
	Strict bool `yaml:"strict"`
	// RepeatWindow is for senders that sign the body but no time and give their
	// events no ID: the same body again within it counts as the same event, and
	// is refused (409) if the secret has changed in between. Default: 10m
	RepeatWindow time.Duration `yaml:"repeat_window"`
	// AwaitWithin is how long the value of a secret may take to come after the
	// source told of its change without the value; then there is an alert. At
	// least 1s. Default: 1h
	AwaitWithin time.Duration `yaml:"await_within"`
	// RecipientsValidFor is how long the recipients are good that a source
	// fetches which seals by itself. 1m to 744h. Default: 24h
	RecipientsValidFor time.Duration `yaml:"recipients_valid_for"`
	// RepushCommand is the program, with its arguments, that makes the password
	// manager send a secret again: `sealrelay secrets list --needs-push` shows it,
	// and runs it with --run. {secret} in an argument stands for the secret's
	// name. There is no shell. Default: none
	RepushCommand []string `yaml:"repush_command"`
}

// ClientCertificate is what a sender's TLS client certificate must be.
type ClientCertificate struct {
	// CAFile is the authority that must have issued it, PEM. Required.
	CAFile string `yaml:"ca_file"`
	// Names are the DNS names of which it must have one. Default: any
	Names []string `yaml:"names"`
}

// Agent is one receiver.
type Agent struct {
	// Labels can be asked for by routes.
	Labels map[string]string `yaml:"labels"`
	// Keys are the agent's public keys, by name. An agent that only gets what
	// is sealed for a group's key has none.
	Keys map[string]Key `yaml:"keys"`
	// SigningKeyFiles have the Ed25519 public keys (PEM) that the agent signs
	// its receipts and its requests to the mailbox with; several while it
	// changes to a new one.
	SigningKeyFiles []string `yaml:"signing_key_files"`
	// ClientCertificate has the settings of the scheme client-certificate, by
	// which its requests to the mailbox are then known, in place of a signature.
	// With ca_file it needs dns_names, uris, emails or pins, as the authority's
	// other certificates are not the agent's. Default: requests are signed
	ClientCertificate *Settings `yaml:"client_certificate"`
	// Enroll lets the agent register its keys itself, `sealrelay agent enroll`, in
	// place of keys and signing_key_files; see docs/agents.md. Until it has, it
	// gets nothing. Default: false
	Enroll bool `yaml:"enroll"`
	// Destinations are where its envelopes go, by name.
	Destinations map[string]Destination `yaml:"destinations"`

	// Enrolled are the keys of an agent that registered them; nil if it did not
	// yet. See WithEnrolled.
	Enrolled *Enrolled `yaml:"-"`
}

// EnrolmentRule decides on the requests of agents for their keys.
type EnrolmentRule struct {
	// Agents are globs of agents' names, of which one must match. Required.
	Agents []string `yaml:"agents"`
	// Decide is allow: the first keys of an agent that has an invitation are
	// approved; deny: every request is denied; or defer: an operator approves.
	// Other keys than the first need the signature of those before, or an
	// operator, under allow too. Required.
	Decide string `yaml:"decide"`
}

// Key is a public key and what it must fulfil, when the configuration is read
// and whenever a secret is sealed to it.
type Key struct {
	// File has the certificate or the public key, of any kind that
	// docs/keys.md lists.
	File string `yaml:"file"`
	// Inline is the same, in place of a file.
	Inline string `yaml:"inline"`
	// Store names the certificate store that has the key under Alias, in place of a
	// file. What is there when a secret is sealed counts: see docs/stores.md.
	Store string `yaml:"store"`
	// Alias is the entry of Store.
	Alias string `yaml:"alias"`
	// Format is the envelope format: age, openpgp, jwe, cms or js7. Default:
	// that of the key, which is age for age and SSH keys, openpgp for OpenPGP
	// certificates, jwe for JWKs and X25519, js7 for other RSA and EC keys.
	Format string `yaml:"format"`
	// Pin is the fingerprint that the certificate, or a key without one, must
	// have, as `sealrelay agents list` prints it: sha256:HEX.
	Pin string `yaml:"pin"`
	// CAFile is the authority that must have issued the certificate, PEM.
	CAFile string `yaml:"ca_file"`
}

// Destination is one place where an agent's envelopes go: one entry that names
// the kind (file, https, sftp, mailbox, exec, js7-joc, azure-key-vault) and has its
// settings, beside these.
type Destination struct {
	// Key names which of the agent's keys is used here. Default: the only one
	Key string `yaml:"key"`
	// RatePerSecond is how many deliveries a second it is sent at most, each
	// attempt counted. Default: any number
	RatePerSecond float64 `yaml:"rate_per_second"`
	// Kind is the entry that names the kind.
	Kind map[string]Settings `yaml:",inline"`
}

// Group is a set of agents. With a key it is a shared key: what is routed to
// the group is sealed once, for that key, and goes to all members.
type Group struct {
	// Agents are the members' names.
	Agents []string `yaml:"agents"`
	// Key is the members' shared key.
	Key *Key `yaml:"key"`
}

// Route says which agents get a secret.
type Route struct {
	// Secrets are globs of secret names, of which one must match. Required.
	Secrets []string `yaml:"secrets"`
	// Labels must all be on the event's source.
	Labels map[string]string `yaml:"labels"`
	// Agents get it.
	Agents []string `yaml:"agents"`
	// Groups get it.
	Groups []string `yaml:"groups"`
	// AgentLabels choose each agent that has them all.
	AgentLabels map[string]string `yaml:"agent_labels"`
}

// Path resolves a path of the configuration.
func (c *Config) Path(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.dir, path)
}
