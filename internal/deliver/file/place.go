package file

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/internal/durable"
)

const (
	// statementSuffix follows the envelope's name in its statement's.
	statementSuffix = ".jws"
	// maxStatement is far more than a statement has, in bytes.
	maxStatement = 64 << 10
	// maxFileName is what the usual file systems allow, in bytes.
	maxFileName = 255
)

// place is where one secret's files are: the folder, and their common name
// without extension.
type place struct {
	*os.Root
	name string
}

// descend opens the folder of the secret and makes what is missing of it.
// The secret's name was checked.
func (d *Destination) descend(root *os.Root, secret string) (*place, error) {
	// The caller closes root, the place is closed on its own.
	here, err := root.OpenRoot(".")
	if err != nil {
		return nil, err
	}
	folders := strings.Split(secret, "/")
	name := folders[len(folders)-1]
	if len(name) > maxName() {
		here.Close()
		return nil, conflict(fmt.Sprintf("last part of the secret's name has %d bytes; %d are left for it in a file's name", len(name), maxName()))
	}
	for _, folder := range folders[:len(folders)-1] {
		below, err := d.enter(here, folder)
		here.Close()
		if err != nil {
			return nil, err
		}
		here = below
	}
	return &place{here, name}, nil
}

// maxName is the longest common name whose files fit in every format.
func maxName() int {
	longest := 0
	for _, format := range formats.All {
		longest = max(longest, len(format.Extension))
	}
	return maxFileName - longest - len(statementSuffix)
}

// enter opens a folder that is one, and not a symbolic link to one.
func (d *Destination) enter(here *os.Root, folder string) (*os.Root, error) {
	info, err := here.Lstat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		if err := durable.MkdirAll(here, folder, d.made); err != nil {
			return nil, err
		}
		info, err = here.Lstat(folder)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, conflict(fmt.Sprintf("%q is a %s where a folder should be; remove it, then retry the delivery", folder, kind(info)))
	}
	below, err := here.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	// It may have been swapped for a link after the look at it.
	if opened, err := below.Stat("."); err != nil || !os.SameFile(info, opened) {
		below.Close()
		return nil, fmt.Errorf("folder %q changed while it was opened", folder)
	}
	return below, nil
}

func (p *place) envelope(extension string) string  { return p.name + extension }
func (p *place) statement(extension string) string { return p.name + extension + statementSuffix }

// clear checks that the names of the pair are free or taken by files.
func (p *place) clear(extension string) error {
	for _, name := range []string{p.statement(extension), p.envelope(extension)} {
		info, err := p.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return conflict(fmt.Sprintf("%q is a %s where a file should be; remove it, then retry the delivery", name, kind(info)))
		}
	}
	return nil
}

// removeAll removes what the version has no use for: the pairs of other
// formats, and on a delete the envelope.
func (p *place) removeAll(extension string, deleted bool) error {
	for _, format := range formats.All {
		if format.Extension == extension {
			continue
		}
		for _, name := range []string{p.envelope(format.Extension), p.statement(format.Extension)} {
			if err := p.remove(name); err != nil {
				return err
			}
		}
	}
	if deleted {
		return p.remove(p.envelope(extension))
	}
	return nil
}

// remove removes a file if there is one, and spares the sync if there is not.
func (p *place) remove(name string) error {
	info, err := p.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	return durable.Remove(p.Root, name)
}

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
func (p *place) newest() (claims, error) {
	var newest claims
	for _, format := range formats.All {
		data, err := p.read(p.statement(format.Extension))
		if err != nil {
			return claims{}, err
		}
		if c := claimsOf(data); c.Version > newest.Version {
			newest = c
		}
	}
	return newest, nil
}

// read returns the content of a file, at most maxStatement of it, and nothing
// for what is no file.
func (p *place) read(name string) (data []byte, err error) {
	info, err := p.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	file, err := p.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxStatement))
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

// kind is what is in the way, in words.
func kind(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return "folder"
	case mode.IsRegular():
		return "file"
	case mode&fs.ModeSymlink != 0:
		return "symbolic link"
	}
	return "special file"
}
