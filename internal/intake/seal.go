package intake

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// envelope is what sealing for one key gave.
type envelope struct {
	bytes   []byte
	digest  string
	blocked error
}

// seal makes one envelope per key and one statement per agent and key, on all
// cores, and wipes the value.
func (in *Intake) seal(ev *event, version int64) ([]outbox.Sealed, error) {
	envelopes, err := sealKeys(ev)
	if err != nil {
		return nil, err
	}
	sealed := make([]outbox.Sealed, len(ev.targets))
	errs := make([]error, len(ev.targets))
	parallel(len(ev.targets), func(i int) {
		target := ev.targets[i]
		made := envelopes[target.Key]
		if ev.Operation != hooks.Delete && target.Quarantined {
			made = &envelope{blocked: target.Check(ev.received)}
		}
		sealed[i] = outbox.Sealed{
			Agent: target.Agent, Destination: target.Destination,
			Format: target.Key.Format.Name, KeyID: target.Key.ID,
		}
		if made.blocked != nil {
			sealed[i].Blocked = made.blocked.Error()
			return
		}
		sealed[i].Envelope = made.bytes
		sealed[i].Statement, errs[i] = in.signer.Sign(statement.Claims{
			Agent: target.Agent, Secret: ev.Secret, Version: version, Operation: string(ev.Operation),
			Format: target.Key.Format.Name, KeyID: target.Key.ID,
			Digest: made.digest, IssuedAt: ev.received,
		})
	})
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("sign statement: %w", err)
		}
	}
	return sealed, nil
}

// sealKeys makes the envelope of each key among the targets, but for those in
// quarantine. A delete has no value: its envelopes are empty, no key needs to be
// fit for anything, and it stays pending for an agent in quarantine. What the
// sender has sealed is taken as it is.
func sealKeys(ev *event) (map[*agentkeys.Key]*envelope, error) {
	if ev.sealed != nil {
		return ev.sealed.envelopes, ev.sealed.changed
	}
	var keys []*agentkeys.Key
	envelopes := make(map[*agentkeys.Key]*envelope, len(ev.targets))
	for _, target := range ev.targets {
		if target.Quarantined && ev.Operation != hooks.Delete {
			continue
		}
		if envelopes[target.Key] == nil {
			envelopes[target.Key] = &envelope{}
			keys = append(keys, target.Key)
		}
	}
	if ev.Operation == hooks.Delete {
		for _, made := range envelopes {
			made.digest = statement.Digest(nil)
		}
		return envelopes, nil
	}
	err := ev.Value.Expose(func(plaintext []byte) error {
		parallel(len(keys), func(i int) { envelopes[keys[i]].seal(ev, keys[i], plaintext) })
		return nil
	})
	return envelopes, err
}

// seal checks the key at this moment, and seals for it.
func (e *envelope) seal(ev *event, key *agentkeys.Key, plaintext []byte) {
	if e.blocked = key.Check(ev.received); e.blocked != nil {
		return
	}
	if e.bytes, e.blocked = key.Recipient.Seal(plaintext); e.blocked == nil {
		e.digest = statement.Digest(e.bytes)
	}
}

// parallel calls work for 0 to n-1 on as many goroutines as there are cores. If
// one panics, parallel does, after the others: in its own goroutine the panic
// would end the process instead of the request.
func parallel(n int, work func(i int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	if workers < 2 {
		for i := range n {
			work(i)
		}
		return
	}
	var next atomic.Int64
	var running sync.WaitGroup
	var panicked atomic.Pointer[any]
	for range workers {
		running.Go(func() {
			defer func() {
				if cause := recover(); cause != nil {
					panicked.Store(&cause)
				}
			}()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	running.Wait()
	if cause := panicked.Load(); cause != nil {
		panic(*cause)
	}
}

// outcomes tells what each agent gets: one entry per agent and run of
// destinations that are all blocked or all not. sealed is in the order of
// agents.
func outcomes(sealed []outbox.Sealed) []wire.AgentOutcome {
	var out []wire.AgentOutcome
	for _, s := range sealed {
		outcome := wire.Queued
		if s.Blocked != "" {
			outcome = wire.Blocked
		}
		if last := len(out) - 1; last >= 0 && out[last].Agent == s.Agent && out[last].Outcome == outcome {
			out[last].Destinations = append(out[last].Destinations, s.Destination)
			continue
		}
		out = append(out, wire.AgentOutcome{Agent: s.Agent, Outcome: outcome, Detail: s.Blocked, Destinations: []string{s.Destination}})
	}
	return out
}

func blockedOnly(agents []wire.AgentOutcome) []wire.AgentOutcome {
	var out []wire.AgentOutcome
	for _, agent := range agents {
		if agent.Outcome == wire.Blocked {
			out = append(out, agent)
		}
	}
	return out
}
