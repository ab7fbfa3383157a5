package httpapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/storechange"
)

const (
	// changesTogether bounds how many changes of stores are made at once: they go on
	// when whoever asked has gone.
	changesTogether = 8
	// maxAlias bounds an alias, in bytes: the audit log keeps it.
	maxAlias = 1 << 10
	// defaultKind is the kind of key that a store makes unless another is said.
	defaultKind = "rsa-2048"
)

// storesAPI is what changes stores: POST /v1/stores/{store}/...
type storesAPI struct {
	*storechange.Desk
	working slots
}

// changed is the answer to a change.
type changed struct {
	Alias   string   `json:"alias,omitempty"`
	Did     string   `json:"did"`
	DryRun  bool     `json:"dry_run"`
	Version string   `json:"version,omitempty"`
	Notes   []string `json:"notes,omitempty"`
	// CSR is the certificate signing request, as PEM; empty if none was asked for,
	// and in a dry run that made none.
	CSR string `json:"csr,omitempty"`
}

// entryAction is the body of an action on an entry, beside what the action has of its
// own.
type entryAction struct {
	Alias  string `json:"alias"`
	DryRun bool   `json:"dry_run"`
}

// place is where the action is, and who asks. An alias must be said, in the body: it may
// hold anything that an address cannot.
func (a entryAction) place(c echo.Context, actor string) (storechange.Place, error) {
	if a.Alias == "" || len(a.Alias) > maxAlias {
		return storechange.Place{}, fmt.Errorf(`%w: say which: "alias", of at most %d bytes`, hooks.ErrMalformed, maxAlias)
	}
	return storechange.Place{Actor: actor, Store: c.Param("store"), Alias: a.Alias, DryRun: a.DryRun}, nil
}

// remove is POST /v1/stores/STORE/entries/remove.
func (a *storesAPI) remove(c echo.Context, actor string) error {
	var wanted struct {
		entryAction
		Purge bool `json:"purge"`
	}
	if err := readAction(c, &wanted); err != nil {
		return err
	}
	at, err := wanted.place(c, actor)
	if err != nil {
		return err
	}
	return a.answer(c, at, func() (answer changed, outcome stores.Outcome, err error) {
		outcome, err = a.Remove(c.Request().Context(), at, wanted.Purge)
		return answer, outcome, err
	})
}

// create is POST /v1/stores/STORE/create.
func (a *storesAPI) create(c echo.Context, actor string) error {
	var wanted struct {
		DryRun bool `json:"dry_run"`
	}
	if err := readAction(c, &wanted); err != nil {
		return err
	}
	at := storechange.Place{Actor: actor, Store: c.Param("store"), DryRun: wanted.DryRun}
	return a.answer(c, at, func() (answer changed, outcome stores.Outcome, err error) {
		outcome, err = a.Create(c.Request().Context(), at)
		return answer, outcome, err
	})
}

// request is POST /v1/stores/STORE/request.
func (a *storesAPI) request(c echo.Context, actor string) error {
	var wanted struct {
		entryAction
		Subject       string            `json:"subject"`
		Kind          string            `json:"kind"`
		Names         []string          `json:"names"`
		Tags          map[string]string `json:"tags"`
		NotExportable bool              `json:"not_exportable"`
	}
	wanted.Kind = defaultKind
	if err := readAction(c, &wanted); err != nil {
		return err
	}
	at, err := wanted.place(c, actor)
	if err != nil {
		return err
	}
	return a.answer(c, at, func() (answer changed, outcome stores.Outcome, err error) {
		csr, outcome, err := a.Request(c.Request().Context(), at, storechange.Wanted{
			Subject: wanted.Subject, Kind: wanted.Kind, Names: wanted.Names, Tags: wanted.Tags, NotExportable: wanted.NotExportable,
		})
		answer.CSR = string(csr)
		return answer, outcome, err
	})
}

// finish is POST /v1/stores/STORE/finish.
func (a *storesAPI) finish(c echo.Context, actor string) error {
	var wanted struct {
		entryAction
		Certificates string `json:"certificates"`
	}
	if err := readAction(c, &wanted); err != nil {
		return err
	}
	at, err := wanted.place(c, actor)
	if err != nil {
		return err
	}
	return a.answer(c, at, func() (answer changed, outcome stores.Outcome, err error) {
		outcome, err = a.Finish(c.Request().Context(), at, []byte(wanted.Certificates))
		return answer, outcome, err
	})
}

// answer makes a change and answers what it did, or why not.
func (a *storesAPI) answer(c echo.Context, at storechange.Place, change func() (changed, stores.Outcome, error)) error {
	done, err := a.working.take()
	if err != nil {
		return err
	}
	defer done()
	if err := allow(c, storechange.Longest); err != nil {
		return err
	}
	answer, outcome, err := change()
	if err != nil {
		p := storeProblem(err)
		switch {
		case errors.Is(err, storechange.ErrNotBegun): // The cause names files of this machine.
			p.detail = p.title
		case errors.Is(err, storechange.ErrNotRecorded):
			p.detail = unrecorded(at, outcome, err)
		}
		a.Log.Warn().Str("by", at.Actor).Str("store", at.Store).Str("alias", at.Alias).Str("problem", p.slug).AnErr("reason", p.reason).Msg("change of a store failed")
		return p
	}
	answer.Alias, answer.Did, answer.DryRun, answer.Version, answer.Notes = at.Alias, string(outcome.Did), at.DryRun, outcome.Version, outcome.Notes
	return c.JSON(http.StatusOK, answer)
}

// unrecorded says what the audit log may not have. Nothing undoes it, so that the answer
// must not be taken for that of a change that failed.
func unrecorded(at storechange.Place, outcome stores.Outcome, err error) string {
	what := "the store was changed"
	if errors.Is(err, storechange.ErrUncertain) {
		what = storechange.ErrUncertain.Error()
	} else if at.Alias != "" {
		what = fmt.Sprintf("%s: %s", at.Alias, outcome.Did)
	}
	return what + "; the audit log may not have it, the service's log does: do not repeat it, look at what the store has"
}
