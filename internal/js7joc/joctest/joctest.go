// Package joctest is a strict stand-in for a JOC Cockpit: sessions that end, schema
// checks, deployments that happen later or not at all and say nothing of it. It is
// built after the sources and documents of JS7 2.7 to 2.9; where they are silent it
// refuses.
package joctest

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// Server is a running JOC Cockpit. Its methods are safe for concurrent use.
type Server struct {
	*httptest.Server

	mu sync.Mutex
	// User and password log in.
	user, password string
	sessions       map[string]int // calls left; -1 for any number
	resources      map[string]*resource
	certificates   map[string]*certificate
	// failures are the logins that were refused. Logins wait for each other, and for
	// the pause of one that is refused.
	failures    int
	loggingIn   sync.Mutex
	controllers []string
	background  sync.WaitGroup
	knobs       Knobs
	calls       map[string]int
}

// Knobs change how the server behaves from the next call on.
type Knobs struct {
	// CertificateUser is the common name of the client certificate that logs in
	// without a password; empty for none.
	CertificateUser string
	// LoginPause is how long the answer to a refused login takes, for the third and
	// each further one fifteen times as long.
	LoginPause time.Duration
	// NoCertificates: the account may not see encipherment certificates.
	NoCertificates bool
	// NoAssignments: it may not assign them to agents, nor take them from any.
	NoAssignments bool
	// SecondFactor: a login gets no token.
	SecondFactor bool
	// SessionCalls ends each session after so many calls; 0 for never.
	SessionCalls int
	// ForceComment wants a comment with each change.
	ForceComment bool
	// Approval wants a second person for each change.
	Approval bool
	// High is the security level at which nothing is deployed.
	High bool
	// ReadOnly: the account may not change anything. Folders are those that it may
	// use; empty means all.
	ReadOnly bool
	Folders  []string
	// Drop: deployments are dropped without a word. Reject: the controllers refuse
	// what is deployed.
	Drop, Reject bool
	// Concurrent answers that many stores with 434.
	Concurrent int
	// Delay is how long a deployment takes.
	Delay time.Duration
	// Fail answers each call with that status, 0 for none.
	Fail int
	// BeforeStore is called before a store is looked at, by whoever edits at that
	// moment. The server is not locked.
	BeforeStore func()
}

// resource is a Job Resource: the draft, and what each controller has.
type resource struct {
	configuration map[string]json.RawMessage
	valid         bool
	deployed      bool
	onController  map[string]string // the configuration's JSON
	history       []map[string]string
}

// New starts a server with an account and controllers. Close stops it.
func New(user, password string, controllers ...string) *Server {
	s := &Server{
		user: user, password: password, controllers: controllers,
		sessions: map[string]int{}, resources: map[string]*resource{}, certificates: map[string]*certificate{}, calls: map[string]int{},
	}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // Connections that a test cuts are no news.
	// Whoever shows a client certificate may be whom it names; who issued it is not
	// looked at here.
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	return s
}

// Close stops the server, once deployments under way are done.
func (s *Server) Close() {
	s.Server.Close()
	s.background.Wait()
}

// Set changes the knobs.
func (s *Server) Set(change func(*Knobs)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.knobs)
}

// EndSessions is what a restart does: every session is forgotten.
func (s *Server) EndSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
}

// Sessions is how many logins were not logged out.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Calls is how often a path below /joc/api/ was called.
func (s *Server) Calls(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[path]
}

// Put makes or replaces a Job Resource, deployed everywhere. The configuration is
// JSON.
func (s *Server) Put(path, configuration string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(configuration), &fields); err != nil {
		panic(err)
	}
	r := &resource{configuration: fields, valid: true, deployed: true, onController: map[string]string{}}
	for _, controller := range s.controllers {
		r.onController[controller] = encode(fields)
	}
	s.resources[path] = r
}

// Edit changes one argument of the draft and deploys it, as an operator does who
// reads, edits and stores in one moment.
func (s *Server) Edit(path, argument, expression string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.resources[path]
	arguments := expressions(r.configuration["arguments"])
	arguments[argument] = expression
	r.configuration["arguments"] = json.RawMessage(encode(arguments))
	for _, controller := range s.controllers {
		r.onController[controller] = encode(r.configuration)
	}
}

// Arguments are those that a controller has of the Job Resource.
func (s *Server) Arguments(path, controller string) map[string]string {
	return s.member(path, controller, "arguments")
}

// Env is the environment that a controller has of the Job Resource.
func (s *Server) Env(path, controller string) map[string]string {
	return s.member(path, controller, "env")
}

func (s *Server) member(path, controller, name string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.resources[path]
	if r == nil {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(r.onController[controller]), &fields); err != nil {
		return nil
	}
	return expressions(fields[name])
}

// Configuration is the JSON of the draft.
func (s *Server) Configuration(path string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return encode(s.resources[path].configuration)
}

func encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func expressions(raw json.RawMessage) map[string]string {
	all := map[string]string{}
	if raw != nil && json.Unmarshal(raw, &all) != nil {
		panic("not a map of expressions")
	}
	return all
}
