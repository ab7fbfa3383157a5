package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// inventoryWithin bounds the inventory that follows a change, if no job of the
// configuration does it.
const inventoryWithin = 15 * time.Minute

// follow adds what follows from the end of a run: the runs after it, and to the message
// what has changed in a store.
func (d *Desk) follow(ctx context.Context, run outbox.Run, end End, done *outbox.RunEnd) {
	if end.Result == outbox.RunFailure && run.Retries > 0 {
		next := run
		next.ID, next.Trigger, next.From, next.By, next.Slot = newID(done.At), outbox.ByRetry, run.ID, "", time.Time{}
		next.AddedAt, next.DueAt = done.At, done.At.Add(run.RetryAfter)
		next.Retries--
		done.Then = append(done.Then, next)
		done.Message = cut(fmt.Sprintf("%s; to be retried at %s", end.Message, next.DueAt.UTC().Format(time.RFC3339)))
	}
	// A change may have been made before a failure.
	if end.Changed != "" {
		next := d.inventoryOf(end.Changed, run.Runner).run(done.At, outbox.ByChange)
		next.From = run.ID
		done.Then = append(done.Then, next)
	}
	if run.Kind == KindInventory && end.Result != outbox.RunFailure {
		if told, err := d.changes(ctx, run); err != nil {
			d.Log.Error().Err(err).Str("job", run.Job).Str("run", run.ID).Msg("an inventory could not be compared with the one before")
		} else if told != "" {
			done.Message = cut(end.Message + "; " + told)
		}
	}
}

// InventoryAfter adds an inventory of a store that was changed otherwise than by a job.
func (d *Desk) InventoryAfter(ctx context.Context, changed string) error {
	return d.Jobs.AddRun(ctx, d.inventoryOf(changed, "").run(time.Now(), outbox.ByChange), nil)
}

// inventoryOf is the job that lists a store on a runner. If the configuration has none it
// is one of its own, whose name no job of a configuration can have.
func (d *Desk) inventoryOf(changed, runner string) Definition {
	definitions := d.Definitions()
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		definition := definitions[name]
		if definition.Kind == KindInventory && definition.Runner == runner && store(definition.Settings) == changed {
			return definition
		}
	}
	return ownInventory(changed, runner)
}

// ownInventories begins the names of the inventories that are not of the configuration:
// inventory:STORE, or inventory:STORE@AGENT.
const ownInventories = "inventory:"

func ownInventory(name, runner string) Definition {
	settings, _ := json.Marshal(map[string]string{"store": name}) // It cannot fail.
	own := Definition{Name: ownInventories + name, Runner: runner, Kind: KindInventory, Settings: settings, Timeout: inventoryWithin}
	if runner != "" {
		own.Name += "@" + runner
	}
	return own
}

// tell logs what somebody should look at.
func (d *Desk) tell(run outbox.Run, done outbox.RunEnd) {
	log := d.Log.With().Str("job", run.Job).Str("run", run.ID).Str("detail", done.Message).Logger()
	if run.Runner != "" {
		log = log.With().Str("agent", run.Runner).Logger()
	}
	switch done.Result {
	case outbox.RunFailure:
		log.Error().Msg("a job failed")
	case outbox.RunWarning:
		log.Warn().Msg("a job needs attention")
	}
}
