package local

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// recipientFlags say whom to seal for.
type recipientFlags struct {
	recipients []string
	agent, key string
	open       *keystoreFlags
	format     string
	noLegacy   bool
	config     *string
	agentKey   AgentKey
}

func addRecipientFlags(cmd *cobra.Command, agentKey AgentKey) *recipientFlags {
	f := &recipientFlags{open: &keystoreFlags{}, config: cli.ConfigFlag(cmd), agentKey: agentKey}
	cmd.Flags().StringArrayVarP(&f.recipients, "recipient", "r", nil, "seal for this `recipient`: an age recipient or SSH key as text, or a file as for --cert; may be given several times")
	cmd.Flags().Var(&fileList{&f.recipients}, "cert", "seal for the certificate or public key in this `file`, of any kind; may be given several times")
	cmd.Flags().StringVar(&f.agent, "agent", "", "seal for this `agent` of the configuration, whose key must pass the policy")
	cmd.Flags().StringVar(&f.key, "key-name", "", "the `name` of the agent's key, if it has several")
	cmd.Flags().StringVar(&f.open.alias, "cert-alias", "", "the `alias` of the certificate in a PKCS#12 or JKS keystore")
	cmd.Flags().StringVar(&f.format, "format", "", "envelope `format`: "+strings.Join(formats.Names(), ", ")+" (default: follows from the key)")
	cmd.Flags().BoolVar(&f.noLegacy, "no-legacy", false, "refuse formats and algorithms that `sealrelay formats` marks as legacy")
	f.open.password = addPasswordFlags(cmd, "cert-password", "the keystore")
	return f
}

// filePrefix marks a member of recipientFlags.recipients that is a file's path
// for certain. No recipient as text begins so.
const filePrefix = "file\x00"

// fileList is the flag --cert.
type fileList struct{ values *[]string }

func (l *fileList) String() string { return "" }
func (l *fileList) Type() string   { return "file" }
func (l *fileList) Set(path string) error {
	*l.values = append(*l.values, filePrefix+path)
	return nil
}

// sealer seals for the recipients that were asked for.
type sealer struct {
	format     crypto.Format
	recipients []crypto.Recipient
}

// resolve reads the recipients' keys, each of which must pass the policy.
func (f *recipientFlags) resolve(cmd *cobra.Command) (*sealer, error) {
	if f.agent != "" {
		if len(f.recipients) > 0 {
			return nil, cli.UsageErrorf("--agent stands alone; its key is in the configuration")
		}
		return f.resolveAgent()
	}
	if len(f.recipients) == 0 {
		return nil, cli.UsageErrorf("missing recipient; give -r RECIPIENT, --cert FILE or --agent NAME")
	}
	var publics []*keys.Public
	for _, recipient := range f.recipients {
		found, err := f.read(cmd, recipient)
		if err != nil {
			return nil, err
		}
		publics = append(publics, sealedTo(found)...)
	}
	format, err := formats.ForAll(publics, f.format)
	if err != nil {
		return nil, err
	}
	sealing := &sealer{format: format}
	for _, public := range publics {
		key, err := agentkeys.FromPublic(public, agentkeys.Requirements{Format: format.Name, NoLegacy: f.noLegacy})
		if err == nil {
			err = key.Check(time.Now())
		}
		if err != nil {
			return nil, err
		}
		sealing.recipients = append(sealing.recipients, key.Recipient)
	}
	return sealing, sealing.check()
}

func (f *recipientFlags) resolveAgent() (*sealer, error) {
	if f.format != "" {
		return nil, cli.UsageErrorf("--agent takes its format from the configuration; leave out --format")
	}
	key, err := f.agentKey(*f.config, f.agent, f.key)
	if err != nil {
		return nil, err
	}
	if f.noLegacy && key.Format.Legacy {
		return nil, fmt.Errorf("%w: format %s is legacy", crypto.ErrForbidden, key.Format.Name)
	}
	return &sealer{key.Format, []crypto.Recipient{key.Recipient}}, key.Check(time.Now())
}

func (f *recipientFlags) read(cmd *cobra.Command, recipient string) ([]*keys.Public, error) {
	path, isFile := strings.CutPrefix(recipient, filePrefix)
	if _, err := os.Stat(path); err == nil || isFile {
		return f.open.publics(cmd, path)
	}
	found, err := keys.ParsePublics([]byte(recipient), keys.Options{Plugin: pluginUI(cmd)})
	if err != nil {
		return nil, fmt.Errorf("-r is no file that is there, and no recipient: %w", err)
	}
	return found, nil
}

// sealedTo leaves out the signature keys of a file that has others.
func sealedTo(found []*keys.Public) []*keys.Public {
	others := slices.DeleteFunc(slices.Clone(found), func(public *keys.Public) bool { return public.DefaultFormat() == "" })
	if len(others) == 0 {
		return found
	}
	return others
}

func (s *sealer) check() error {
	if len(s.recipients) > 1 && s.format.SealTo == nil {
		return cli.UsageErrorf("an envelope of format %s has one recipient; seal for each alone, or choose another --format", s.format.Name)
	}
	return nil
}

// seal seals plaintext in one envelope for all recipients. It is safe for
// concurrent use.
func (s *sealer) seal(plaintext []byte) ([]byte, error) {
	if len(s.recipients) == 1 {
		return s.recipients[0].Seal(plaintext)
	}
	return s.format.SealTo(plaintext, s.recipients...)
}

func (s *sealer) keyIDs() []string {
	ids := make([]string, len(s.recipients))
	for i, recipient := range s.recipients {
		ids[i] = recipient.KeyID()
	}
	return ids
}
