package layout

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// maxStatement is far more than a statement has, in bytes.
const maxStatement = 64 << 10

// claims are those of a statement that the order of versions needs. The
// signature is not checked: whoever can write here can also remove what is
// here.
type claims struct {
	Secret   string `json:"secret"`
	Version  int64  `json:"ver"`
	IssuedAt int64  `json:"iat"`
}

// newest reads the claims of the newest statement there, of any format; zero
// if there is none. A damaged statement counts as none: it must not keep its
// secret from ever being mended.
func newest(folder Folder, there map[string]fs.FileInfo) (claims, error) {
	var newest claims
	for name, info := range there {
		if !strings.HasSuffix(name, statementSuffix) || !info.Mode().IsRegular() {
			continue
		}
		data, err := folder.Read(name, maxStatement)
		if err != nil {
			return claims{}, err
		}
		if c := claimsOf(data); c.Version > newest.Version {
			newest = c
		}
	}
	return newest, nil
}

// claimsOf reads the claims of a compact JWS (RFC 7515 section 7.1), zero if
// it is damaged.
func claimsOf(statement []byte) claims {
	parts := strings.Split(string(statement), ".")
	if len(parts) != 3 {
		return claims{}
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		return claims{}
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil || c.Version < 0 {
		return claims{}
	}
	return c
}

// Superseded says whether a version is there, by its statement, that is newer than
// the delivery; a statement that cannot be read is none. A version that was sealed
// before an older one is a final error.
func Superseded(statement []byte, delivery outbox.Delivery) (bool, error) {
	return supersedes(claimsOf(statement), delivery)
}

// supersedes says whether what is there is newer than the delivery.
func supersedes(present claims, delivery outbox.Delivery) (bool, error) {
	switch {
	case present.Version == 0:
		return false, nil
	case present.Secret != delivery.Secret:
		return false, conflict("the statement there is of another secret; names that differ in case only need folders of their own on this system")
	case present.Version <= delivery.Version:
		return false, nil
	}
	if issued := claimsOf([]byte(delivery.Statement)).IssuedAt; issued > present.IssuedAt {
		return false, conflict(fmt.Sprintf("version %d is there and was sealed before this version %d: the outbox was restored or replaced; "+
			"remove what is there of the secret, then retry the delivery", present.Version, delivery.Version))
	}
	return true, nil
}
