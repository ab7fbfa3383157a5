package config

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/sealrelay/sealrelay/internal/pin"
)

// maxPins bounds Receive.ClientPins.
const maxPins = 8

// checker collects what is wrong.
type checker struct{ errs []error }

func (ch *checker) add(format string, args ...any) {
	ch.errs = append(ch.errs, fmt.Errorf(format, args...))
}

func (ch *checker) required(where, value string) {
	if value == "" {
		ch.add("%s is missing", where)
	}
}

// check says everything that is wrong within the file itself.
func (c *Config) check() error {
	ch := &checker{}
	ch.required("name", c.Name)
	if len(c.Identities) == 0 {
		ch.add("identities is missing; it takes the private key files, such as - file: agent.key")
	}
	for i, identity := range c.Identities {
		identity.check(ch, fmt.Sprintf("identities: entry %d", i+1))
	}
	if len(c.ServiceKeyFiles) == 0 {
		ch.add("service_key_files is missing; without a pinned key of the service no statement is believed")
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		ch.add("log: level is none of debug, info, warn, error")
	}
	c.checkSources(ch)
	c.checkJobs(ch)
	for i := range c.Actions {
		c.Actions[i].check(ch, fmt.Sprintf("actions: entry %d", i+1))
	}
	return errors.Join(ch.errs...)
}

func (i Identity) check(ch *checker, where string) {
	switch {
	case (i.File == "") == (i.Dir == ""):
		ch.add("%s: needs either file or dir", where)
	case i.Dir != "" && (i.Alias != "" || i.PasswordFile != ""):
		ch.add("%s: password_file and alias go with file", where)
	}
}

func (c *Config) checkSources(ch *checker) {
	if c.Receive != nil {
		c.Receive.check(ch)
	}
	for i := range c.Vaults {
		c.Vaults[i].check(ch, fmt.Sprintf("vaults: entry %d", i+1))
	}
	if len(c.Vaults) > 0 && c.Azure == nil {
		ch.add("vaults: needs azure, which says how to sign in")
	}
	if c.Mailbox == nil {
		return
	}
	ch.required("mailbox: url", c.Mailbox.URL)
	if (c.Mailbox.CertFile == "") != (c.Mailbox.KeyFile == "") {
		ch.add("mailbox: cert_file and key_file go together")
	}
}

func (v *Vault) check(ch *checker, where string) {
	ch.required(where+": vault", v.Vault)
	if len(v.Secrets) == 0 {
		ch.add("%s: secrets is missing; it takes the names of the secrets to read", where)
	}
	if v.Every < 10*time.Second {
		ch.add("%s: every is less than 10s", where)
	}
}

func (r *Receive) check(ch *checker) {
	if _, _, err := net.SplitHostPort(r.Listen); err != nil {
		ch.add("receive: listen is not host:port")
	}
	ch.required("receive: cert_file", r.CertFile)
	ch.required("receive: key_file", r.KeyFile)
	if r.ClientCAFile == "" && len(r.ClientPins) == 0 {
		ch.add("receive: set client_ca_file, client_pins or both, or anybody could connect")
	}
	if r.ClientCAFile == "" && len(r.ClientNames) > 0 {
		ch.add("receive: client_names goes with client_ca_file: a name that no authority stands for proves nothing")
	}
	if len(r.ClientPins) > maxPins {
		ch.add("receive: more than %d client_pins; remove the oldest", maxPins)
	}
	for i, text := range r.ClientPins {
		if _, err := pin.Parse(text); err != nil {
			ch.add("receive: client_pins: entry %d %w", i+1, err)
		}
	}
}

func (a *Action) check(ch *checker, where string) {
	if len(a.Secrets) == 0 {
		ch.add("%s: secrets is missing; it takes globs of secret names such as \"prod/**\"", where)
	}
	for i, glob := range a.Secrets {
		if !doublestar.ValidatePattern(glob) {
			ch.add("%s: secrets: entry %d is not a glob", where, i+1)
		}
	}
	if a.LayOut == nil && len(a.Render) == 0 && len(a.Run) == 0 && a.Signal == nil && a.Touch == "" {
		ch.add("%s: does nothing; set lay_out, render, run, signal or touch", where)
	}
	if a.LayOut != nil {
		ch.required(where+": lay_out: dir", a.LayOut.Dir)
	}
	for i, render := range a.Render {
		ch.required(fmt.Sprintf("%s: render: entry %d: template", where, i+1), render.Template)
		ch.required(fmt.Sprintf("%s: render: entry %d: to", where, i+1), render.To)
	}
	if len(a.Run) > 0 {
		ch.required(where+": run: the command", a.Run[0])
	}
	if a.Signal != nil {
		a.Signal.check(ch, where+": signal")
	}
	if a.Debounce < time.Millisecond || a.Debounce > time.Minute {
		ch.add("%s: debounce must be 1ms to 1m", where)
	}
	if a.Timeout < time.Second || a.Timeout > time.Hour {
		ch.add("%s: timeout must be 1s to 1h", where)
	}
}

// Signals are the names that Signal.Name takes.
var Signals = []string{"HUP", "USR1", "USR2", "INT", "TERM"}

func (s *Signal) check(ch *checker, where string) {
	ch.required(where+": pid_file", s.PIDFile)
	if !slices.Contains(Signals, s.Name) {
		ch.add("%s: name is none of %s", where, strings.Join(Signals, ", "))
	}
	if runtime.GOOS == "windows" {
		ch.add("%s: there are no signals on Windows; use run or touch", where)
	}
}
