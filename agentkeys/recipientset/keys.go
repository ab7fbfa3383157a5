package recipientset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys"
)

// New makes the set of a secret's targets, good for a time from now on and not
// signed yet. A target is Blocked whose key fails the policy
// now, or whose agent is in quarantine. The targets
// are in the order of agentkeys.Registry.Select.
func New(source, secret string, targets []agentkeys.Target, now time.Time, validity time.Duration) (Set, error) {
	now = now.UTC().Truncate(time.Second)
	set := Set{Source: source, Secret: secret, IssuedAt: now, ExpiresAt: now.Add(validity)}
	for _, from := range targets {
		target := name(from)
		if err := from.Check(now); err != nil {
			target.Blocked = err.Error()
		} else if err := set.add(from.Key); err != nil {
			return Set{}, fmt.Errorf("key of agent %s: %w", from.Agent, err)
		}
		set.Targets = append(set.Targets, target)
	}
	return set, nil
}

func name(from agentkeys.Target) Target {
	return Target{Agent: from.Agent, Destination: from.Destination, Format: from.Key.Format.Name, KeyID: from.Key.ID}
}

// add puts a key into its place, unless it is there.
func (s *Set) add(from *agentkeys.Key) error {
	key := Key{Format: from.Format.Name, ID: from.ID}
	at, found := slices.BinarySearchFunc(s.Keys, key, compareKeys)
	if found {
		return nil
	}
	text, err := from.Public.Text()
	if err != nil {
		return err
	}
	key.Public = string(text)
	s.Keys = slices.Insert(s.Keys, at, key)
	return nil
}

func compareKeys(a, b Key) int {
	return cmp.Or(strings.Compare(a.Format, b.Format), strings.Compare(a.ID, b.ID))
}

// Recipients reads the keys. Whether each passes the policy now is for its
// Check to say. A key that cannot be read, that its format does not take, or
// that has another ID than the set gives is ErrKey.
func (s Set) Recipients() ([]*agentkeys.Key, error) {
	out := make([]*agentkeys.Key, len(s.Keys))
	for i, from := range s.Keys {
		key, err := agentkeys.NewKey([]byte(from.Public), agentkeys.Requirements{Format: from.Format})
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrKey, from.ID, err)
		}
		if key.ID != from.ID || key.Format.Name != from.Format {
			return nil, fmt.Errorf("%w: the key called %s is %s", ErrKey, from.ID, key.ID)
		}
		out[i] = key
	}
	return out, nil
}
