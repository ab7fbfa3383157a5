package httpapi

import (
	"net/http"
	"net/netip"
)

// RemoteForTest is the address that a handler behind these proxies sees.
func RemoteForTest(trusted []netip.Prefix, r *http.Request) string {
	return ipExtractor(trusted)(r)
}

// ReadReceipt reads the body of a receipt.
var ReadReceipt = readReceipt

// ReadEnd reads the body that says how a run ended.
var ReadEnd = readEnd

// ReadAdditionForTest reads the body of an addition to a store, and returns its alias
// and how large its data is.
func ReadAdditionForTest(body []byte) (alias string, size int, err error) {
	wanted := &addition{}
	defer wanted.wipe()
	if err := wanted.read(body); err != nil {
		return "", 0, err
	}
	return wanted.entryAction.Alias, wanted.data.Len(), nil
}
