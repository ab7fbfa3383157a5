package js7joc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
)

const objectType = "JOBRESOURCE"

// Resource is a Job Resource as the inventory has it.
type Resource struct {
	// Path is the folder and the name, which are the inventory's.
	Path string `json:"path"`
	// Valid is false for a draft that cannot be deployed.
	Valid bool `json:"valid"`
	// Deployed says that there is no draft newer than what was deployed. It is set
	// before the controllers have answered.
	Deployed bool `json:"deployed"`
	// Configuration is all that it says.
	Configuration Configuration `json:"configuration"`
	Sync          struct {
		Text string `json:"_text"`
	} `json:"syncState"`
}

// InSync says that the controller that was asked about has what the inventory has.
func (r *Resource) InSync() bool { return r.Deployed && r.Sync.Text == "IN_SYNC" }

// Configuration is what a Job Resource says. Members that are not known here are
// kept as they are.
type Configuration struct {
	// Arguments and Env have JS7 expressions by name.
	Arguments map[string]string
	Env       map[string]string
	other     map[string]json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Configuration) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &c.other); err != nil {
		return err
	}
	for name, into := range map[string]*map[string]string{"arguments": &c.Arguments, "env": &c.Env} {
		if raw, ok := c.other[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return fmt.Errorf("%s: not all are expressions", name)
			}
			delete(c.other, name)
		}
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (c Configuration) MarshalJSON() ([]byte, error) {
	all := map[string]any{"TYPE": "JobResource"}
	for name, raw := range c.other {
		all[name] = raw
	}
	if c.Arguments != nil {
		all["arguments"] = c.Arguments
	}
	if c.Env != nil {
		all["env"] = c.Env
	}
	return json.Marshal(all)
}

// Clone is a copy whose arguments and environment can be changed.
func (c Configuration) Clone() Configuration {
	c.Arguments, c.Env = maps.Clone(c.Arguments), maps.Clone(c.Env)
	if c.Arguments == nil {
		c.Arguments = map[string]string{}
	}
	return c
}

// Equal says whether they have the same arguments and environment.
func (c Configuration) Equal(other Configuration) bool {
	return maps.Equal(c.Arguments, other.Arguments) && maps.Equal(c.Env, other.Env)
}

// Read reads a Job Resource, and, if a controller is named, whether that one has
// it. The error of one that does not exist is an *Error with CodeNotFound.
func (s *Session) Read(ctx context.Context, path, controller string) (*Resource, error) {
	body := map[string]string{"path": path, "objectType": objectType}
	if controller != "" {
		body["controllerId"] = controller
	}
	var found Resource
	if err := s.call(ctx, "inventory/read/configuration", body, &found); err != nil {
		return nil, err
	}
	if found.Path != path {
		return nil, &Error{Status: statusInvalid, Code: CodeNotFound, why: "the Job Resource of that name is in another folder of the inventory; correct job_resource"}
	}
	return &found, nil
}

// auditLog is what the JOC Cockpit keeps of why something was done; nil without a
// comment.
func auditLog(comment string) map[string]string {
	if comment == "" {
		return nil
	}
	return map[string]string{"comment": comment}
}

// ErrInvalid says that the JOC Cockpit stored what it will not deploy.
var ErrInvalid = errors.New("the JOC Cockpit calls the Job Resource invalid: an argument or variable of it, perhaps not one of ours, is no valid expression; correct it there")

// Store replaces the whole draft of the Job Resource; there is no check that nobody
// else has stored in between.
func (s *Session) Store(ctx context.Context, path string, c Configuration, comment string) error {
	body := map[string]any{"path": path, "objectType": objectType, "configuration": c, "valid": true}
	if log := auditLog(comment); log != nil {
		body["auditLog"] = log
	}
	var stored Resource
	if err := s.call(ctx, "inventory/store", body, &stored); err != nil {
		return err
	}
	if !stored.Valid {
		return ErrInvalid
	}
	return nil
}

// Deploy has the draft deployed. The answer comes before the work is done, and
// whatever is not to the JOC Cockpit's liking is dropped without a word: see Read
// and Deployment.
func (s *Session) Deploy(ctx context.Context, path string, controllers []string, comment string) error {
	item := map[string]any{"configuration": map[string]any{"path": path, "objectType": objectType, "recursive": false}}
	body := map[string]any{"controllerIds": controllers, "store": map[string]any{"draftConfigurations": []any{item}}}
	if log := auditLog(comment); log != nil {
		body["auditLog"] = log
	}
	return s.call(ctx, "inventory/deployment/deploy", body, nil)
}

// Refused says whether the latest deployment of the Job Resource to the controller,
// of the last ten minutes, was refused by it.
func (s *Session) Refused(ctx context.Context, path, folder, controller string) (bool, error) {
	filter := map[string]string{"controllerId": controller, "folder": folder, "deployType": objectType, "from": "-10m"}
	var history struct {
		Deployments []struct {
			Path  string `json:"path"`
			State string `json:"state"`
			At    string `json:"deploymentDate"`
		} `json:"depHistory"`
	}
	if err := s.call(ctx, "inventory/deployment/history", map[string]any{"compactFilter": filter}, &history); err != nil {
		return false, err
	}
	latest, refused := "", false
	for _, d := range history.Deployments {
		if d.Path == path && d.At >= latest { // RFC 3339, in one zone
			latest, refused = d.At, d.State == "NOT_DEPLOYED"
		}
	}
	return refused, nil
}
