package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// maxReceiptBody bounds the body of a request of an agent, in bytes: a receipt
// has at most 4096.
const maxReceiptBody = 8 << 10

// readReceiptBody reads the body of a POST; other requests have none.
func readReceiptBody(c echo.Context) ([]byte, error) {
	r := c.Request()
	if r.Method != http.MethodPost {
		if r.ContentLength != 0 {
			return nil, fmt.Errorf("%w: a request by %s has no body here", hooks.ErrMalformed, r.Method)
		}
		return nil, nil
	}
	return readJSON(c, "a receipt's body", maxReceiptBody)
}

// readJSON reads a body of JSON, up to most bytes.
func readJSON(c echo.Context, what string, most int64) ([]byte, error) {
	return readBody(c, "application/json", what, most)
}

// readBody reads a body of the media type, up to most bytes.
func readBody(c echo.Context, want, what string, most int64) ([]byte, error) {
	if err := checkMedia(c, want); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, most))
	if _, is := errors.AsType[*http.MaxBytesError](err); is {
		return nil, fmt.Errorf("%w: %s has at most %d bytes", errTooLarge, what, most)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the body did not arrive whole", hooks.ErrMalformed)
	}
	return body, nil
}

func checkMedia(c echo.Context, want string) error {
	media, _, err := mime.ParseMediaType(c.Request().Header.Get("Content-Type"))
	if err != nil || media != want {
		return fmt.Errorf("%w: send Content-Type: %s", hooks.ErrMediaType, want)
	}
	return nil
}

// readReceipt reads the body {"receipt": TOKEN}, which has nothing else in it.
// The errors repeat nothing of it.
func readReceipt(body []byte) (string, error) {
	var receipt wire.Receipt
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&receipt)
	if _, trailing := decoder.Token(); err != nil || !errors.Is(trailing, io.EOF) || receipt.Receipt == "" {
		return "", fmt.Errorf(`%w: the body is not {"receipt": TOKEN} and nothing else`, hooks.ErrMalformed)
	}
	return receipt.Receipt, nil
}
