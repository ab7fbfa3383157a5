package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// maxText bounds a string, in bytes.
const maxText = 16 << 10

// types read what YAML or JSON made of a value of that type, strictly: no text is taken
// for a number, and no number for a truth.
var types = map[string]func(any) (any, error){
	"string": readString, "int": readInt, "date": readDate, "bool": readBool,
}

func readString(given any) (any, error) {
	text, ok := given.(string)
	switch {
	case !ok:
		return nil, errors.New("it is no string")
	case len(text) > maxText:
		return nil, fmt.Errorf("it has more than %d bytes", maxText)
	case !utf8.ValidString(text):
		return nil, errors.New("it is not UTF-8")
	}
	return text, nil
}

func readInt(given any) (any, error) {
	switch number := given.(type) {
	case int:
		return int64(number), nil
	case int64:
		return number, nil
	case uint64:
		if number <= math.MaxInt64 {
			return int64(number), nil
		}
	case float64: // What JSON makes of a number that nobody keeps whole.
		if number == math.Trunc(number) && math.Abs(number) < 1<<53 {
			return int64(number), nil
		}
	case json.Number:
		if whole, err := strconv.ParseInt(number.String(), 10, 64); err == nil {
			return whole, nil
		}
	}
	return nil, errors.New("it is no whole number of 64 bits")
}

// readDate takes what YAML makes of an unquoted date as well.
func readDate(given any) (any, error) {
	wrong := errors.New("it is no date such as 2026-01-31")
	if at, ok := given.(time.Time); ok {
		if !at.Equal(at.UTC().Truncate(24 * time.Hour)) {
			return nil, wrong
		}
		return at.UTC().Format(time.DateOnly), nil
	}
	text, ok := given.(string)
	if !ok {
		return nil, wrong
	}
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return nil, wrong
	}
	return text, nil
}

func readBool(given any) (any, error) {
	truth, ok := given.(bool)
	if !ok {
		return nil, errors.New("it is not true or false")
	}
	return truth, nil
}
