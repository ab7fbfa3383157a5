package local

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
)

// parseContext reads AGENT/SECRET/VERSION; the secret's name may have slashes.
func parseContext(text string) (statement.Claims, error) {
	agent, rest, _ := strings.Cut(text, "/")
	slash := strings.LastIndexByte(rest, '/')
	if agent == "" || slash < 1 {
		return statement.Claims{}, cli.UsageErrorf("--context %q is not AGENT/SECRET/VERSION", text)
	}
	version, err := strconv.ParseInt(rest[slash+1:], 10, 64)
	if err != nil || version < 1 {
		return statement.Claims{}, cli.UsageErrorf("--context %q does not end with a version, a whole number from 1", text)
	}
	secret := rest[:slash]
	if err := hooks.CheckName(secret); err != nil {
		return statement.Claims{}, cli.UsageErrorf("--context: %w", err)
	}
	return statement.Claims{Agent: agent, Secret: secret, Version: version}, nil
}

// contextFlags say to what an envelope is bound when it is sealed.
type contextFlags struct {
	context, signingKey, issuer string
	// file is where the statement goes.
	file string
}

func addContextFlags(cmd *cobra.Command) *contextFlags {
	f := &contextFlags{}
	cmd.Flags().StringVar(&f.context, "context", "", "bind the envelope to `AGENT/SECRET/VERSION` by a signed statement")
	cmd.Flags().StringVar(&f.signingKey, "signing-key", "", "the Ed25519 private key `file` that signs the statement")
	cmd.Flags().StringVar(&f.issuer, "issuer", "sealrelay", "the issuer's `name` in the statement")
	cmd.Flags().StringVar(&f.file, "statement", "", "write the statement to this `file` (default: the outfile's name and .jws)")
	cmd.MarkFlagsRequiredTogether("context", "signing-key")
	return f
}

// binder signs the statements of envelopes.
type binder struct {
	signer *statement.Signer
	claims statement.Claims
}

// binder returns nil if no context was asked for.
func (f *contextFlags) binder(sealing *sealer) (*binder, error) {
	if f.context == "" {
		return nil, nil
	}
	claims, err := parseContext(f.context)
	if err != nil {
		return nil, err
	}
	if len(sealing.recipients) > 1 {
		return nil, cli.UsageErrorf("a statement binds an envelope to one recipient's key; seal for each alone")
	}
	claims.Operation, claims.Format, claims.KeyID = string(hooks.Set), sealing.format.Name, sealing.recipients[0].KeyID()
	data, err := cli.ReadFile(f.signingKey)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	defer clear(data)
	key, err := keys.ParseSigning(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.signingKey, err)
	}
	signer, err := statement.NewSigner(key, f.issuer)
	if err != nil {
		return nil, err
	}
	return &binder{signer, claims}, nil
}

func (b *binder) sign(envelope []byte) (string, error) {
	claims := b.claims
	claims.Digest, claims.IssuedAt = statement.Digest(envelope), time.Now()
	return b.signer.Sign(claims)
}
