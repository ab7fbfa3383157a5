package kinds

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// The bounds of an authority's folder.
const (
	maxCAFiles        = 100_000
	maxCAFile         = 1 << 20
	maxCACertificates = 20_000
)

// caExtensions are those of files with certificates, in lower case.
var caExtensions = []string{".pem", ".crt", ".cer", ".der"}

// readFolder reads the certificates of a folder. A symbolic link is not followed; a file
// that cannot be read is told, and a bound that is exceeded is an error.
func readFolder(ctx context.Context, dir string) (source, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return source{}, fmt.Errorf("directory: %w", err)
	}
	defer root.Close()
	names, err := caFiles(root)
	if err != nil {
		return source{}, fmt.Errorf("directory: %w", err)
	}
	var read source
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return source{}, err
		}
		found, err := readCAFile(root, name)
		if err != nil {
			read.unread = append(read.unread, fmt.Sprintf("%.80q: %v", name, err))
			continue
		}
		if read.certificates = append(read.certificates, found...); len(read.certificates) > maxCACertificates {
			return source{}, fmt.Errorf("directory: there are more than %d certificates", maxCACertificates)
		}
	}
	return read, nil
}

// caFiles are the names of the folder's files with certificates, in order.
func caFiles(root *os.Root) ([]string, error) {
	folder, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	entries, err := folder.ReadDir(maxCAFiles + 1)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case len(entries) > maxCAFiles:
		return nil, fmt.Errorf("it has more than %d files", maxCAFiles)
	}
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		if entry.Type().IsRegular() && !strings.HasPrefix(name, ".") && slices.Contains(caExtensions, strings.ToLower(filepath.Ext(name))) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func readCAFile(root *os.Root, name string) ([]*keys.Public, error) {
	listed, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	// It may have been replaced by a link since it was listed.
	if opened, err := file.Stat(); err != nil || !os.SameFile(listed, opened) || listed.Mode()&fs.ModeType != 0 {
		return nil, errors.Join(errors.New("it is no file of the folder's own"), err)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxCAFile+1))
	defer clear(data) // A private key may stand beside the certificate.
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxCAFile:
		return nil, fmt.Errorf("it has more than %d bytes", maxCAFile)
	}
	return parseCertificates(data)
}

// parseCertificates reads one certificate as DER, or those of a PEM file, of which
// whatever else it has is left out.
func parseCertificates(data []byte) ([]*keys.Public, error) {
	if !strings.Contains(string(data), "-----BEGIN ") {
		public, err := parseCertificate(data)
		if err != nil {
			return nil, err
		}
		return []*keys.Public{public}, nil
	}
	var found []*keys.Public
	rest := data
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			clear(block.Bytes)
			continue
		}
		public, err := parseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found = append(found, public)
	}
	if strings.Contains(string(rest), "-----BEGIN ") {
		return nil, errors.New("it breaks off in a certificate")
	}
	if len(found) == 0 {
		return nil, errors.New("there is no certificate in it")
	}
	return found, nil
}

func parseCertificate(der []byte) (*keys.Public, error) {
	public, err := keys.ParsePublic(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	if err != nil {
		return nil, err
	}
	return public, nil
}
