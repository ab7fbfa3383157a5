package adapters

import (
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// Doppler has the settings of the adapter "doppler" for the webhooks of Doppler
// with their default payload (https://docs.doppler.com/docs/webhooks). They
// tell the names of secrets and no values; for the settings a secret's name is
// PROJECT/CONFIG/NAME.
type Doppler struct {
	Names `yaml:",inline"`
}

// NewDoppler returns an adapter for Doppler's webhooks. A message has an event
// for each secret that was added or updated; what was removed there stays here.
func NewDoppler(settings Doppler) (hooks.Adapter, error) {
	return newObjectAdapter(settings.Names, readDoppler)
}

func readDoppler(root jsonscan.Value) ([]notice, error) {
	event, err := readWord(root.At(jsonscan.Pointer{"type"}), "/type")
	if err != nil {
		return nil, err
	}
	if event != "config.secrets.update" && event != "enclave.project.config.secrets.update" {
		return nil, nil
	}
	project, err := readName(root.At(jsonscan.Pointer{"config", "project"}), "/config/project")
	if err != nil {
		return nil, err
	}
	config, err := readName(root.At(jsonscan.Pointer{"config", "name"}), "/config/name")
	if err != nil {
		return nil, err
	}
	diff := root.At(jsonscan.Pointer{"diff"})
	if diff.Kind() != jsonscan.Object {
		return nil, malformed("/diff is %s, not an object", diff.Kind())
	}
	var notices []notice
	for _, list := range []string{"added", "updated"} {
		names := diff.At(jsonscan.Pointer{list})
		if kind := names.Kind(); kind != jsonscan.Array && kind != jsonscan.Missing {
			return nil, malformed("/diff/%s is %s, not an array", list, kind)
		}
		for element := range names.Elements() {
			name, err := readName(element, "a name in /diff/"+list)
			if err != nil {
				return nil, err
			}
			told, err := joinTold(project, config, name)
			if err != nil {
				return nil, err
			}
			notices = append(notices, notice{told: told})
		}
	}
	return notices, nil
}
