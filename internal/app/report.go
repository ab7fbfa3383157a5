package app

import (
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// KeyReport is what there is to say of a key in use.
type KeyReport struct {
	// Owner is "agent/NAME" or "group/NAME"; Destination is empty for a group.
	Owner       string         `json:"owner"`
	Destination string         `json:"destination,omitempty"`
	Key         *agentkeys.Key `json:"-"`
	// Err says why nothing is sealed to it, nil if it passes.
	Err error `json:"-"`
}

// Keys reports on each key of the registry, as of now. A destination that
// relies on a group's key is reported with the group.
func Keys(registry *agentkeys.Registry, now time.Time) []KeyReport {
	var out []KeyReport
	for _, agent := range registry.Agents() {
		for _, destination := range agent.Destinations {
			if destination.Key != nil {
				out = append(out, KeyReport{"agent/" + agent.Name, destination.Name, destination.Key, destination.Key.Check(now)})
			}
		}
	}
	for _, group := range registry.Groups() {
		if group.Key != nil {
			out = append(out, KeyReport{"group/" + group.Name, "", group.Key, group.Key.Check(now)})
		}
	}
	return out
}

// ShownKeys is Keys as an operator is shown it.
func ShownKeys(registry *agentkeys.Registry, now time.Time) []standing.Key {
	shown := []standing.Key{}
	for _, report := range Keys(registry, now) {
		shown = append(shown, standing.KeyOf(report.Owner, report.Destination, report.Key, report.Err))
	}
	return shown
}

func reportKeys(log zerolog.Logger, registry *agentkeys.Registry, now time.Time) {
	for _, report := range Keys(registry, now) {
		for _, warning := range report.Key.Warnings() {
			log.Warn().Str("owner", report.Owner).Str("key_id", report.Key.ID).Str("warning", warning).Msg("key is allowed but should be changed")
		}
		if report.Err != nil {
			log.Error().Str("owner", report.Owner).Str("key_id", report.Key.ID).Err(report.Err).Msg("nothing is sealed to this key")
		}
	}
}

// usableKeys fails when there is no key at all that a secret could be sealed
// to; one bad key among good ones is told in each answer.
func usableKeys(registry *agentkeys.Registry, now time.Time) error {
	reports := Keys(registry, now)
	for _, report := range reports {
		if report.Err == nil {
			return nil
		}
	}
	if len(reports) == 0 {
		return errors.New("the configuration has no key")
	}
	return errors.New("no key passes the policy; see `sealrelay agents verify`")
}

// needRestart names the settings that a reload cannot change.
func needRestart(old, new *config.Config) []string {
	var out []string
	for name, pair := range map[string][2]any{
		"data_dir":         {old.DataDir, new.DataDir},
		"issuer":           {old.Issuer, new.Issuer},
		"signing_key_file": {old.SigningKeyFile, new.SigningKeyFile},
		"server":           {old.Server, new.Server},
		"admin: listen":    {old.Admin.Listen, new.Admin.Listen},
		"log":              {old.Log, new.Log},
		"outbox":           {old.Outbox, new.Outbox},
		"delivery":         {old.Delivery, new.Delivery},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
