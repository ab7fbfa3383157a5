package joctest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// reply is an answer.
type reply struct {
	status int
	body   map[string]any
	header string // X-Access-Token
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/joc/api/")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	before := s.knobs.BeforeStore
	s.mu.Unlock()
	if name == "inventory/store" && before != nil {
		before()
	}
	if name == "authentication/login" {
		s.loggingIn.Lock()
		defer s.loggingIn.Unlock()
	}
	s.mu.Lock()
	answer := s.answer(r, name, body)
	pause := s.pauseAfter(name, answer)
	s.mu.Unlock()
	if pause > 0 {
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
		}
	}
	if answer.header != "" {
		w.Header().Set("X-Access-Token", answer.header)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, encode(answer.body))
}

func (s *Server) answer(r *http.Request, name string, body []byte) reply {
	s.calls[name]++
	switch {
	case s.knobs.Fail != 0:
		return reply{status: s.knobs.Fail}
	case r.Method != http.MethodPost:
		return reply{status: http.StatusMethodNotAllowed}
	case r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Accept") != "application/json":
		return reply{status: http.StatusUnsupportedMediaType}
	case name == "authentication/login":
		return s.login(r, body)
	}
	token := r.Header.Get("X-Access-Token")
	left, known := s.sessions[token]
	if name == "authentication/logout" {
		delete(s.sessions, token)
		return reply{status: 200, body: map[string]any{"isAuthenticated": false, "accessToken": ""}}
	}
	if !known || left == 0 {
		delete(s.sessions, token)
		return reply{status: 440, body: map[string]any{"isAuthenticated": false, "message": "SessionNotExistException"}}
	}
	if left > 0 {
		s.sessions[token]--
	}
	if rest, is := strings.CutPrefix(name, "encipherment/"); is {
		return s.encipherment(token, rest, body)
	}
	switch name {
	case "inventory/read/configuration":
		return s.read(body)
	case "inventory/store":
		return s.change(token, body, s.store)
	case "inventory/deployment/deploy":
		return s.change(token, body, s.deploy)
	case "inventory/deployment/history":
		return s.history(body)
	}
	return reply{status: http.StatusNotFound}
}

// pauseAfter is how long the answer to a refused login waits.
func (s *Server) pauseAfter(name string, answer reply) time.Duration {
	if name != "authentication/login" || answer.status != http.StatusUnauthorized {
		return 0
	}
	if s.failures++; s.failures > 2 {
		return 15 * s.knobs.LoginPause
	}
	return s.knobs.LoginPause
}

func (s *Server) login(r *http.Request, body []byte) reply {
	user, password, ok := r.BasicAuth()
	if !ok && s.knobs.CertificateUser != "" && len(r.TLS.PeerCertificates) > 0 {
		ok, user = true, r.TLS.PeerCertificates[0].Subject.CommonName
		if user == s.knobs.CertificateUser {
			user, password = s.user, s.password
		}
	}
	switch {
	case !ok || len(body) > 0:
		return invalid("JOC-400")
	case user != s.user || password != s.password:
		return reply{status: 401, body: map[string]any{"account": user, "isAuthenticated": false, "message": "Access denied"}}
	case s.knobs.SecondFactor:
		return reply{status: 200, body: map[string]any{"accessToken": "", "isAuthenticated": true, "message": "Second factor needed"}}
	}
	token := rand.Text()
	s.sessions[token] = -1
	if s.knobs.SessionCalls > 0 {
		s.sessions[token] = s.knobs.SessionCalls
	}
	return reply{status: 200, header: token, body: map[string]any{"accessToken": token, "account": user, "isAuthenticated": true}}
}

func invalid(code string) reply {
	return reply{status: 420, body: map[string]any{"error": map[string]string{"code": code, "message": "JocException: refused"}}}
}

// strict decodes a body whose members are all known.
func strict(body []byte, into any) bool {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into) == nil
}

func (s *Server) read(body []byte) reply {
	var asked struct {
		Path         string `json:"path"`
		ObjectType   string `json:"objectType"`
		ControllerID string `json:"controllerId"`
	}
	if !strict(body, &asked) || asked.Path == "" || asked.ObjectType != "JOBRESOURCE" {
		return invalid("JOC-400")
	}
	at, r := s.find(asked.Path)
	if r == nil {
		return invalid("JOC-408")
	}
	if !s.allowed(at) {
		return invalid("JOC-419")
	}
	answer := map[string]any{"path": at, "objectType": "JOBRESOURCE", "valid": r.valid, "deployed": r.deployed, "configuration": r.configuration}
	if asked.ControllerID != "" {
		state := "NOT_DEPLOYED"
		if there, ok := r.onController[asked.ControllerID]; ok {
			state = "NOT_IN_SYNC"
			if there == encode(r.configuration) {
				state = "IN_SYNC"
			}
		}
		answer["syncState"] = map[string]string{"_text": state}
	}
	return reply{status: 200, body: answer}
}

// find finds a Job Resource by its path, or by its name alone.
func (s *Server) find(wanted string) (string, *resource) {
	for at, r := range s.resources {
		if at == wanted || path.Base(at) == path.Base(wanted) {
			return at, r
		}
	}
	return "", nil
}

func (s *Server) allowed(at string) bool {
	return len(s.knobs.Folders) == 0 || slices.Contains(s.knobs.Folders, path.Dir(at))
}

// auditLog is in each request that changes something.
type auditLog struct {
	Comment string `json:"comment"`
}

// change is what all calls that change something have in common.
func (s *Server) change(token string, body []byte, do func([]byte) reply) reply {
	var common struct {
		AuditLog auditLog `json:"auditLog"`
	}
	switch {
	case json.Unmarshal(body, &common) != nil || len(common.AuditLog.Comment) > 255:
		return invalid("JOC-400")
	case s.knobs.ReadOnly:
		return denied(token)
	case s.knobs.ForceComment && common.AuditLog.Comment == "":
		return invalid("JOC-300")
	case s.knobs.Approval:
		return reply{status: 433, body: map[string]any{"requestor": s.user, "requestBody": json.RawMessage(body)}}
	}
	return do(body)
}

func (s *Server) store(body []byte) reply {
	var asked struct {
		Path          string                     `json:"path"`
		ObjectType    string                     `json:"objectType"`
		Configuration map[string]json.RawMessage `json:"configuration"`
		Valid         bool                       `json:"valid"`
		AuditLog      auditLog                   `json:"auditLog"`
	}
	if !strict(body, &asked) || !strings.HasPrefix(asked.Path, "/") || asked.ObjectType != "JOBRESOURCE" || asked.Configuration == nil {
		return invalid("JOC-400")
	}
	if s.knobs.Concurrent > 0 {
		s.knobs.Concurrent--
		return reply{status: 434, body: map[string]any{"error": map[string]string{"code": "JOC-425"}}}
	}
	at, r := s.find(asked.Path)
	switch {
	case r != nil && at != asked.Path:
		return invalid("JOC-171")
	case !s.allowed(asked.Path):
		return invalid("JOC-419")
	case r == nil:
		r = &resource{onController: map[string]string{}}
		s.resources[asked.Path] = r
	}
	r.configuration, r.deployed = asked.Configuration, false
	r.valid = true
	for _, member := range []string{"arguments", "env"} {
		for _, expression := range expressions(asked.Configuration[member]) {
			r.valid = r.valid && isExpression(expression)
		}
	}
	return reply{status: 200, body: map[string]any{"path": asked.Path, "objectType": "JOBRESOURCE", "valid": r.valid, "deployed": false, "state": "DRAFT_IS_NEWER"}}
}

// isExpression knows strings and variables.
func isExpression(text string) bool {
	if strings.HasPrefix(text, "$") {
		return len(text) > 1 && !strings.ContainsAny(text, ` "'`)
	}
	if len(text) < 2 || text[0] != text[len(text)-1] || text[0] != '"' && text[0] != '\'' {
		return false
	}
	body := text[1 : len(text)-1]
	if text[0] == '\'' {
		return !strings.Contains(body, "'")
	}
	for i := 0; i < len(body); i++ {
		switch {
		case body[i] == '\\' && i+1 < len(body) && strings.IndexByte(`"\$n`, body[i+1]) >= 0:
			i++
		case body[i] == '\\' || body[i] == '"' || body[i] < ' ':
			return false
		}
	}
	return true
}

func (s *Server) deploy(body []byte) reply {
	type item struct {
		Configuration struct {
			Path       string `json:"path"`
			ObjectType string `json:"objectType"`
			Recursive  bool   `json:"recursive"`
		} `json:"configuration"`
	}
	var asked struct {
		ControllerIDs []string `json:"controllerIds"`
		Store         struct {
			Drafts []item `json:"draftConfigurations"`
		} `json:"store"`
		AuditLog auditLog `json:"auditLog"`
	}
	if !strict(body, &asked) || len(asked.ControllerIDs) == 0 || len(asked.Store.Drafts) == 0 {
		return invalid("JOC-400")
	}
	if s.knobs.High {
		return invalid("JOC-004")
	}
	for _, draft := range asked.Store.Drafts {
		r := s.resources[draft.Configuration.Path]
		if r == nil || !r.valid || s.knobs.Drop || !s.allowed(draft.Configuration.Path) {
			continue // without a word
		}
		s.deployTo(draft.Configuration.Path, r, asked.ControllerIDs)
	}
	return reply{status: 200, body: map[string]any{"ok": true}}
}

// deployTo happens after the answer; what is deployed is the draft of now.
func (s *Server) deployTo(at string, r *resource, controllers []string) {
	what, delay, reject := encode(r.configuration), s.knobs.Delay, s.knobs.Reject
	r.deployed = true // before any controller has answered
	s.background.Go(func() {
		<-time.After(delay)
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, controller := range controllers {
			if !slices.Contains(s.controllers, controller) {
				continue
			}
			state := "DEPLOYED"
			if reject {
				state = "NOT_DEPLOYED"
			} else {
				r.onController[controller] = what
			}
			r.history = append(r.history, map[string]string{
				"path": at, "controllerId": controller, "state": state, "deploymentDate": fmt.Sprintf("%s.%09dZ", time.Now().UTC().Format("2006-01-02T15:04:05"), time.Now().Nanosecond()),
			})
		}
	})
}

func (s *Server) history(body []byte) reply {
	var asked struct {
		Filter struct {
			ControllerID string `json:"controllerId"`
			Folder       string `json:"folder"`
			DeployType   string `json:"deployType"`
			From         string `json:"from"`
		} `json:"compactFilter"`
	}
	if !strict(body, &asked) || asked.Filter.ControllerID == "" {
		return invalid("JOC-400")
	}
	found := []map[string]string{}
	for at, r := range s.resources {
		if path.Dir(at) != asked.Filter.Folder {
			continue
		}
		for _, entry := range r.history {
			if entry["controllerId"] == asked.Filter.ControllerID {
				found = append(found, entry)
			}
		}
	}
	return reply{status: 200, body: map[string]any{"depHistory": found}}
}
