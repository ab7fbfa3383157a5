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
