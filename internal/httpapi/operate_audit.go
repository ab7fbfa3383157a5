package httpapi

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/audit"
)

// auditPage is the answer to GET /v1/audit.
type auditPage struct {
	Rows []auditRow `json:"rows"`
	// Next goes into the parameter from; 0 at the end of the log.
	Next int64 `json:"next,omitempty"`
}

// auditRow is a row as it is stored, so that the chain can be checked elsewhere.
type auditRow struct {
	Seq   int64           `json:"seq"`
	Entry json.RawMessage `json:"entry"`
	Hash  string          `json:"hash"`
}

// errStop ends the walk through the log that has what it wants.
var errStop = errors.New("enough")

func (o *AdminOptions) listAudit(c echo.Context, _ string) error {
	query, err := queryOf(c, "from", "limit")
	if err != nil {
		return err
	}
	from := int64(1)
	if query["from"] != "" {
		if from, err = strconv.ParseInt(query["from"], 10, 64); err != nil || from < 1 {
			return fmt.Errorf("%w: from is not the number of a row", hooks.ErrMalformed)
		}
	}
	limit, err := readLimit(query["limit"])
	if err != nil {
		return err
	}
	page := auditPage{Rows: []auditRow{}}
	err = o.Outbox.Audit(c.Request().Context(), from, func(row audit.Row) error {
		if len(page.Rows) == limit {
			page.Next = row.Seq
			return errStop
		}
		page.Rows = append(page.Rows, auditRow{row.Seq, row.Entry, hex.EncodeToString(row.Hash[:])})
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return err
	}
	return c.JSON(http.StatusOK, page)
}
