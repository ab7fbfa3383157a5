package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/sealrelay/sealrelay/internal/standing"
)

// inventoryWithin bounds an inventory that is asked for over HTTP.
const inventoryWithin = 2 * time.Minute

// storesAnswer is the answer to GET /v1/stores.
type storesAnswer struct {
	Stores []standing.CertificateStore `json:"stores"`
}

func (o *AdminOptions) listStores(c echo.Context, _ string) error {
	if _, err := queryOf(c); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, storesAnswer{o.Stores()})
}

// inventoryAnswer is the answer to GET /v1/stores/STORE/entries.
type inventoryAnswer struct {
	Entries []standing.StoreEntry `json:"entries"`
}

// inventory lists a store whole, or not at all: what is missing in a part of it would be
// taken for gone.
func (o *AdminOptions) inventory(c echo.Context, _ string) error {
	if _, err := queryOf(c); err != nil {
		return err
	}
	store, ok := o.Store(c.Param("store"))
	if !ok {
		return errUnknownStore
	}
	if err := allow(c, inventoryWithin); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), inventoryWithin)
	defer cancel()
	entries, err := standing.Inventory(ctx, store, func() {})
	if err != nil {
		return &problem{kind: errStore, detail: fmt.Sprintf("the list broke off after %d entries: %v", len(entries), err), reason: err}
	}
	return c.JSON(http.StatusOK, inventoryAnswer{entries})
}
