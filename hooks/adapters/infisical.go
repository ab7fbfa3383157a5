package adapters

import (
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// Infisical has the settings of the adapter "infisical" for the webhooks of
// Infisical, of their type "General". They tell neither a value nor a secret's
// name, but the folder in which something changed: for the settings its name is
// PROJECT/ENVIRONMENT/PATH, with the project's ID, the environment's slug and
// the path without the slash before it, or PROJECT/ENVIRONMENT for the root
// folder. SecretNames has the secrets of each folder. Members as in Infisical's
// source, backend/src/services/webhook, of 2026.
type Infisical struct {
	Names `yaml:",inline"`
}

// NewInfisical returns an adapter for Infisical's webhooks. "secrets.modified",
// and "secret.modified" of older servers, tell of new values; all other events
// tell of none.
func NewInfisical(settings Infisical) (hooks.Adapter, error) {
	return newObjectAdapter(settings.Names, readInfisical)
}

func readInfisical(root jsonscan.Value) ([]notice, error) {
	event, err := readWord(root.At(jsonscan.Pointer{"event"}), "/event")
	if err != nil {
		return nil, err
	}
	if event != "secrets.modified" && event != "secret.modified" {
		return nil, nil
	}
	n := notice{}
	if n.at, err = readTime(root.At(jsonscan.Pointer{"timestamp"}), "/timestamp"); err != nil {
		return nil, err
	}
	if n.told, err = infisicalFolder(root.At(jsonscan.Pointer{"project"})); err != nil {
		return nil, err
	}
	return []notice{n}, nil
}

func infisicalFolder(project jsonscan.Value) (string, error) {
	id, where := project.At(jsonscan.Pointer{"projectId"}), "/project/projectId"
	if id.Kind() == jsonscan.Missing { // Servers before 2025 have the other name alone.
		id, where = project.At(jsonscan.Pointer{"workspaceId"}), "/project/workspaceId"
	}
	var parts []string
	for _, part := range []struct {
		value jsonscan.Value
		where string
	}{
		{id, where},
		{project.At(jsonscan.Pointer{"environment"}), "/project/environment"},
		{project.At(jsonscan.Pointer{"secretPath"}), "/project/secretPath"},
	} {
		text, err := readName(part.value, part.where)
		if err != nil {
			return "", err
		}
		parts = append(parts, text)
	}
	if parts[2] = strings.Trim(parts[2], "/"); parts[2] == "" {
		parts = parts[:2]
	}
	return joinTold(parts...)
}
