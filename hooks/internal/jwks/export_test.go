package jwks

import "net/http"

// NewRemoteForTest is the keys at a URL, fetched by the client.
func NewRemoteForTest(url string, client *http.Client) *Keys {
	return &Keys{origin: &remote{url: url, client: client}}
}
