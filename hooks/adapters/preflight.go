package adapters

import (
	"net/http"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

// webHookOrigin has the form of a DNS name, by which a sender identifies itself.
var webHookOrigin = lazyregexp.New(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

// webHookPreflight answers the question of CloudEvents' webhooks whether this
// receiver wants events at all (HTTP 1.1 Web Hooks for Event Delivery 1.0.2,
// section 4). Any sender may send: the question protects others from being
// sent events, and each delivery is authenticated. What is no such question is
// answered without consent.
func webHookPreflight(header http.Header) hooks.Reply {
	reply := hooks.Reply{Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {http.MethodPost}}}
	if lines := header.Values("WebHook-Request-Origin"); len(lines) == 1 && webHookOrigin().MatchString(lines[0]) {
		reply.Status = http.StatusOK
		reply.Header.Set("WebHook-Allowed-Origin", lines[0])
		reply.Header.Set("WebHook-Allowed-Rate", "*")
	}
	return reply
}
