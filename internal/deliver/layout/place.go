package layout

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

const (
	// statementSuffix follows the envelope's name in its statement's.
	statementSuffix = ".jws"
	// maxFileName is what the usual file systems allow, in bytes.
	maxFileName = 255
)

// Place is where the files of a delivery's secret are.
type Place struct {
	// Folders are those on the way there, from the destination's own.
	Folders []string
	// name is what the files have in common, extension what the envelope's has
	// after it.
	name, extension string
	delivery        outbox.Delivery
	// js7File: an envelope of format js7 is there in file mode too.
	js7File bool
}

// js7FileSuffix follows the common name in that of the envelope in JS7's file mode.
const js7FileSuffix = ".js7file"

// WithJS7File has an envelope of format js7 there in JS7's file mode too.
func (p *Place) WithJS7File() *Place {
	p.js7File = true
	return p
}

// PlaceOf is the place of a delivery. The error is final: a name that leads out
// of the folder or is too long for a file, or an unknown format.
func PlaceOf(delivery outbox.Delivery) (*Place, error) {
	if err := hooks.CheckName(delivery.Secret); err != nil {
		return nil, deliver.Final(err)
	}
	extension, err := extensionOf(delivery)
	if err != nil {
		return nil, deliver.Final(err)
	}
	segments := strings.Split(delivery.Secret, "/")
	last := len(segments) - 1
	if name := segments[last]; len(name) > maxName() {
		return nil, conflict(fmt.Sprintf("last part of the secret's name has %d bytes; %d are left for it in a file's name", len(name), maxName()))
	}
	return &Place{Folders: segments[:last], name: segments[last], extension: extension, delivery: delivery}, nil
}

// maxName is the longest common name whose files fit in every format.
func maxName() int {
	longest := 0
	for _, format := range formats.All {
		longest = max(longest, len(format.Extension))
	}
	return maxFileName - longest - len(statementSuffix)
}

// ParseMode reads permission bits in octal, the value of a setting.
func ParseMode(setting, text string, unset fs.FileMode) (fs.FileMode, error) {
	if text == "" {
		return unset, nil
	}
	mode, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 32)
	if err != nil || mode > 0o777 {
		return 0, fmt.Errorf("%s %q is not permission bits; write them in octal, as in \"0640\"", setting, text)
	}
	return fs.FileMode(mode), nil
}

// ParseID reads the number of a user or group: what chown takes, which is 32
// bits, and not the one that means "leave".
func ParseID(text string) (int, error) {
	id, err := strconv.ParseUint(text, 10, 31)
	return int(id), err
}
