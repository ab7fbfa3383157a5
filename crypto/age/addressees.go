package age

import (
	"bytes"
	"fmt"
	"strings"

	"filippo.io/age"

	"github.com/sealrelay/sealrelay/crypto"
)

// minPayload is the least that is behind a header: a nonce and the tag of one
// chunk (https://c2sp.org/age).
const minPayload = 16 + 16

// addressees has the type of each stanza, and the key's tag where it has one, as
// those of SSH keys have. Stanzas of grease are left out.
func addressees(envelope []byte) ([]string, error) {
	raw, err := writeRaw(envelope)
	if err != nil {
		return nil, err
	}
	header, err := age.ExtractHeader(bytes.NewReader(raw))
	if err != nil || len(raw)-len(header) < minPayload {
		return nil, fmt.Errorf("%w: age header cannot be read, or nothing is behind it", crypto.ErrMalformed)
	}
	var out []string
	for line := range strings.Lines(string(header)) {
		stanza, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "-> ")
		if !found {
			continue
		}
		kind, arguments, _ := strings.Cut(stanza, " ")
		tag, _, _ := strings.Cut(arguments, " ")
		switch {
		case strings.HasSuffix(kind, "-grease"):
		case kind == "ssh-ed25519" || kind == "ssh-rsa":
			out = append(out, kind+" "+tag)
		default:
			out = append(out, kind)
		}
	}
	return out, nil
}
