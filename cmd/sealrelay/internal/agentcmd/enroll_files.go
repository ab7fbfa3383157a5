package agentcmd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/durable"
)

// readToken reads the file, or standard input for "-", up to what an invitation
// has at most.
func readToken(cmd *cobra.Command, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(cmd.InOrStdin(), 1<<10))
	}
	return cli.ReadFile(file)
}

// readOrMake reads a private key, or makes one of that kind for its owner only.
// The caller wipes it.
func readOrMake(file, kind string) ([]byte, error) {
	data, err := cli.ReadFile(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	private, _, err := keys.Generate(kind)
	if err != nil {
		return nil, err
	}
	if err := durable.WritePath(file, private, durable.Options{Mode: 0o600}); err != nil {
		clear(private)
		return nil, fmt.Errorf("write %s: %w", filepath.Base(file), err)
	}
	return private, nil
}

// httpsClient trusts the authority in the file; those of the system if there is
// none.
func httpsClient(caFile string) (*http.Client, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		data, err := cli.ReadFile(caFile)
		if err != nil {
			return nil, err
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%s has no PEM certificate", caFile)
		}
	}
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		TLSClientConfig: secure, Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second,
	}}, nil
}
