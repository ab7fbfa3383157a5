package azurekeyvault

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// maxAnswer is the longest answer with a secret that is read, in bytes: a vault takes no
// certificate with its chain that comes near.
const maxAnswer = 1 << 20

// complete adds the certificates that the entry's own was issued by, or why they are not
// known. The secret that has them is read if the private key in it may be exported, and
// not for a certificate that is disabled, as the vault would refuse that, or that was
// issued by nobody else.
func (s *Store) complete(ctx context.Context, entry stores.Entry) stores.Entry {
	if entry.Key == nil || entry.Private != stores.PrivateExportable || entry.Disabled {
		return entry
	}
	if own := entry.Key.Certificate; own != nil && bytes.Equal(own.RawIssuer, own.RawSubject) {
		return entry
	}
	chain, err := s.chain(ctx, entry)
	if err != nil {
		entry.Incomplete = fmt.Errorf("its chain is not known: %w", err)
		return entry
	}
	entry.Key.Intermediates = chain
	return entry
}

// chain reads the secret of the entry's version. The private key that is in it is wiped
// before chain returns.
func (s *Store) chain(ctx context.Context, entry stores.Entry) ([]*x509.Certificate, error) {
	if err := s.pace.Wait(ctx); err != nil {
		return nil, err
	}
	var answer *secretbytes.Value
	_, err := s.secrets.GetSecret(context.WithValue(ctx, apartKey{}, &answer), entry.Alias, entry.Version, nil)
	if answer != nil {
		defer answer.Wipe()
	}
	if err != nil {
		return nil, s.explain(err)
	}
	if answer == nil {
		return nil, fmt.Errorf("%w: the vault gave no secret", stores.ErrUnreadable)
	}
	var chain []*x509.Certificate
	err = answer.Expose(func(document []byte) (err error) {
		chain, err = chainIn(document, entry.Key.CertificateDER)
		return err
	})
	return chain, err
}

// newSecrets is a client that gives answers to who asks, and not to the SDK.
func newSecrets(account *azure.Account, vault azure.Vault) (*azsecrets.Client, error) {
	options := account.Options()
	options.PerCallPolicies = append(options.PerCallPolicies, apart{})
	return azsecrets.NewClient(vault.URL, account.Credential(), &azsecrets.ClientOptions{ClientOptions: options})
}

// apart keeps an answer with a secret from the SDK, which would make a string of it
// that nobody can wipe. It goes to the *secretbytes.Value that the context has under
// apartKey, and the SDK finds an empty secret.
type apart struct{}

type apartKey struct{}

// errApart is a mistake of this package's.
var errApart = errors.New("the request does not say where its answer is to go")

// Do implements policy.Policy.
func (apart) Do(request *policy.Request) (*http.Response, error) {
	into, ok := request.Raw().Context().Value(apartKey{}).(**secretbytes.Value)
	if !ok {
		return nil, errApart
	}
	runtime.SkipBodyDownload(request)
	response, err := request.Next()
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err
	}
	answer, err := secretbytes.ReadFrom(response.Body, maxAnswer)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("%w: the secret: %w", stores.ErrUnreadable, err)
	}
	*into = answer
	response.Body = io.NopCloser(strings.NewReader("{}"))
	return response, nil
}

var (
	errNoSecret  = fmt.Errorf("%w: the vault's answer is no secret of a certificate", stores.ErrUnreadable)
	errOtherLeaf = fmt.Errorf("%w: the secret has another certificate", stores.ErrUnreadable)
)

// chainIn returns the certificates behind the leaf, as DER, of a vault's answer with the
// secret of a certificate. What it copies of the secret it wipes. No private key is
// opened, unless it is in a PKCS#12 file that does not say which certificate is its own.
func chainIn(document, leaf []byte) ([]*x509.Certificate, error) {
	answer, err := jsonscan.Parse(document)
	if err != nil {
		return nil, errNoSecret
	}
	var value jsonscan.Value
	var content string
	for name, member := range answer.Members() {
		switch name.Text() {
		case "value":
			value = member
		case "contentType":
			content = member.Text()
		}
	}
	if value.Kind() != jsonscan.String {
		return nil, errNoSecret
	}
	secret, read := (*secretbytes.Value)(nil), readPKCS12
	if content == contentPEM {
		secret, read = value.Secret(), readPEM
	} else if secret, err = value.SecretBase64(); err != nil {
		return nil, errNoSecret
	}
	defer secret.Wipe()
	var found []*keys.Public
	if err := secret.Expose(func(plaintext []byte) (err error) {
		found, err = read(plaintext)
		return err
	}); err != nil {
		return nil, fmt.Errorf("%w: the secret: %w", stores.ErrUnreadable, err)
	}
	for _, public := range found {
		if bytes.Equal(public.CertificateDER, leaf) {
			return public.Intermediates, nil
		}
	}
	return nil, errOtherLeaf
}

// readPKCS12 reads the certificates of a keystore without a password.
func readPKCS12(data []byte) ([]*keys.Public, error) {
	return keys.ParsePublics(data, keys.Options{})
}

var (
	beginCertificate = []byte("-----BEGIN CERTIFICATE-----")
	endCertificate   = []byte("-----END CERTIFICATE-----\n")
)

// readPEM reads the certificates of a text, and does not so much as decode the private
// key that stands beside them.
func readPEM(text []byte) ([]*keys.Public, error) {
	var certificates []byte
	for {
		_, behind, begun := bytes.Cut(text, beginCertificate)
		body, rest, ended := bytes.Cut(behind, endCertificate[:len(endCertificate)-1])
		if !begun || !ended || bytes.Contains(body, []byte("-----")) {
			break
		}
		certificates = append(certificates, beginCertificate...)
		certificates = append(certificates, body...)
		certificates = append(certificates, endCertificate...)
		text = rest
	}
	return keys.ParsePublics(certificates, keys.Options{})
}
