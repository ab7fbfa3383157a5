package adapters

import (
	"slices"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// KeeperAlertTemplate is the HTTP body that the webhook of a Keeper alert needs
// for the adapter "keeper-alert"
// (https://docs.keeper.io/enterprise-guide/webhooks). Members beside these are
// not read.
const KeeperAlertTemplate = `{"type":"#alert_name","key":"#record_uid","ts":"#timestamp"}`

// KeeperAlert has the settings of the adapter "keeper-alert" for the webhooks of
// Keeper's alerts, with KeeperAlertTemplate. They tell a record and no value;
// for the settings a secret's name is the record's UID.
type KeeperAlert struct {
	Names `yaml:",inline"`
	// Alerts are the names of the alerts that tell of a new value; all if not
	// given. Names compare exactly.
	Alerts []string `yaml:"alerts"`
}

// NewKeeperAlert returns an adapter for Keeper's alerts. An alert that concerns
// no record tells of no value. Keeper does not document how it writes the time:
// one that is neither RFC 3339 nor seconds nor milliseconds is not read.
func NewKeeperAlert(settings KeeperAlert) (hooks.Adapter, error) {
	return newObjectAdapter(settings.Names, func(root jsonscan.Value) ([]notice, error) {
		alert, err := readWord(root.At(jsonscan.Pointer{"type"}), "/type")
		if err != nil {
			return nil, err
		}
		if settings.Alerts != nil && !slices.Contains(settings.Alerts, alert) {
			return nil, nil
		}
		record, err := readWord(root.At(jsonscan.Pointer{"key"}), "/key")
		if err != nil {
			return nil, err
		}
		if record == "" || strings.HasPrefix(record, "#") { // the alert has no such variable
			return nil, nil
		}
		if len(record) > hooks.MaxNameLen {
			return nil, malformed("/key has %d bytes; a record's UID has fewer", len(record))
		}
		return []notice{{told: record, at: keeperTime(root.At(jsonscan.Pointer{"ts"}))}}, nil
	})
}

// keeperTime reads a time in any form that Keeper is likely to use; it is zero
// for any other.
func keeperTime(v jsonscan.Value) time.Time {
	if at, err := readTime(v, ""); err == nil {
		return at
	}
	at, err := unixTime(v.Text(), "")
	if err != nil {
		return time.Time{}
	}
	return at
}
