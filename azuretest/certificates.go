package azuretest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // Key Vault's thumbprint is one.
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// policy is a certificate's, of which the parts that nothing here reads are left out.
type policy struct {
	ID          string         `json:"id,omitempty"`
	Key         *keyProperties `json:"key_props,omitempty"`
	Secret      *secretProps   `json:"secret_props,omitempty"`
	X509        *x509Props     `json:"x509_props,omitempty"`
	Issuer      *issuer        `json:"issuer,omitempty"`
	Attributes  *attributes    `json:"attributes,omitempty"`
	LifetimeAct []any          `json:"lifetime_actions,omitempty"`
}

type keyProperties struct {
	Exportable *bool  `json:"exportable,omitempty"`
	Type       string `json:"kty,omitempty"`
	Size       int    `json:"key_size,omitempty"`
	Curve      string `json:"crv,omitempty"`
	Reuse      *bool  `json:"reuse_key,omitempty"`
}

type secretProps struct {
	ContentType string `json:"contentType,omitempty"`
}

type x509Props struct {
	Subject  string              `json:"subject,omitempty"`
	SANs     map[string][]string `json:"sans,omitempty"`
	KeyUsage []string            `json:"key_usage,omitempty"`
	EKUs     []string            `json:"ekus,omitempty"`
	Months   int                 `json:"validity_months,omitempty"`
}

type issuer struct {
	Name string `json:"name,omitempty"`
	Type string `json:"cty,omitempty"`
}

const (
	contentPKCS12 = "application/x-pkcs12"
	contentPEM    = "application/x-pem-file"
)

// certificateRequest is what import and create get.
type certificateRequest struct {
	Value      string            `json:"value"`
	Password   string            `json:"pwd"`
	Policy     *policy           `json:"policy"`
	Attributes attributes        `json:"attributes"`
	Tags       map[string]string `json:"tags"`
	X5C        [][]byte          `json:"x5c"`
}

// importCertificate takes a PKCS#12 file in base64, or PEM with the key as PKCS#8.
func (c *call) importCertificate([]string) (int, any, *refusal) {
	var given certificateRequest
	if refused := c.decode(&given); refused != nil {
		return 0, nil, refused
	}
	if refused := checkTags(given.Tags); refused != nil {
		return 0, nil, refused
	}
	made, refused := readImport(given)
	if refused != nil {
		return 0, nil, refused
	}
	if given.Policy == nil {
		given.Policy = &policy{}
	}
	into, refused := c.place("certificates")
	if refused != nil {
		return 0, nil, refused
	}
	return c.store(into, given, made)
}

// readImport reads what is to be imported, as the SDK's documentation has it.
func readImport(given certificateRequest) (material, *refusal) {
	var none material
	data := []byte(given.Value)
	if !strings.Contains(given.Value, "-----BEGIN") {
		var err error
		if data, err = base64.StdEncoding.DecodeString(given.Value); err != nil {
			return none, badParameter("The specified certificate is neither PEM nor base64.")
		}
	} else if block, _ := pem.Decode(data); block == nil || !strings.Contains(given.Value, "BEGIN PRIVATE KEY") {
		return none, badParameter("The specified PEM X.509 certificate content is in an unexpected format. Please check if certificate is in valid PEM format with a PKCS#8 key.")
	}
	password := []byte(given.Password)
	private, err := keys.ParsePrivate(data, password)
	if err != nil {
		return none, badParameter("The specified PKCS#12 X.509 certificate content can not be read. Please check if certificate is in valid PKCS#12 format, and the password is right.")
	}
	publics, err := keys.ParsePublics(data, keys.Options{Password: password})
	if err != nil || publics[0].Certificate == nil {
		return none, badParameter("The specified content has no certificate.")
	}
	own, err := keys.PublicOf(private)
	if err != nil {
		return none, badParameter("The private key is not supported.")
	}
	for _, public := range publics {
		if equal, ok := own.(interface{ Equal(crypto.PublicKey) bool }); ok && public.Certificate != nil && equal.Equal(public.Certificate.PublicKey) {
			made := material{[][]byte{public.CertificateDER}, private}
			for _, certificate := range public.Intermediates {
				made.chain = append(made.chain, certificate.Raw)
			}
			return made, nil
		}
	}
	return none, badParameter("The private key does not match the certificate.")
}

// fit completes a policy by the key, which has to be as the policy says.
func (p *policy) fit(key crypto.PublicKey) *refusal {
	if p.Key == nil {
		p.Key = &keyProperties{}
	}
	if p.Secret == nil {
		p.Secret = &secretProps{contentPKCS12}
	}
	if p.Issuer == nil {
		p.Issuer = &issuer{Name: "Unknown"}
	}
	yes := true
	if p.Key.Exportable == nil {
		p.Key.Exportable = &yes
	}
	actual := keyProperties{}
	switch key := key.(type) {
	case *rsa.PublicKey:
		actual.Type, actual.Size = "RSA", key.Size()*8
		if !slices.Contains([]int{2048, 3072, 4096}, actual.Size) {
			return badParameter("The RSA key size %d is not supported.", actual.Size)
		}
	case *ecdsa.PublicKey:
		actual.Type, actual.Curve = "EC", key.Curve.Params().Name
	default:
		return badParameter("The key type is not supported.")
	}
	if p.Key.Type == "" {
		p.Key.Type, p.Key.Size, p.Key.Curve = actual.Type, actual.Size, actual.Curve
	}
	if p.Key.Type == "EC" && p.Key.Curve == "" {
		p.Key.Curve = "P-256"
	}
	if strings.TrimSuffix(p.Key.Type, "-HSM") != actual.Type || p.Key.Size != 0 && actual.Size != 0 && p.Key.Size != actual.Size || actual.Curve != "" && p.Key.Curve != actual.Curve {
		return badParameter("The policy's key properties %s %d %s do not match the certificate's key %s %d %s.",
			p.Key.Type, p.Key.Size, p.Key.Curve, actual.Type, actual.Size, actual.Curve)
	}
	return nil
}

// store adds a version of a certificate and of the secret that goes with it. The policy
// has to fit.
func (c *call) store(into *item, given certificateRequest, made material) (int, any, *refusal) {
	certificate, err := x509.ParseCertificate(made.chain[0])
	if err != nil {
		return 0, nil, badParameter("The certificate cannot be read.")
	}
	if refused := given.Policy.fit(certificate.PublicKey); refused != nil {
		return 0, nil, refused
	}
	value, refused := made.secret(given.Policy)
	if refused != nil {
		return 0, nil, refused
	}
	from, until := certificate.NotBefore.Unix(), certificate.NotAfter.Unix()
	v := &version{id: newVersion(), tags: given.Tags, certificate: made.chain[0], policy: given.Policy}
	v.attributes = attributes{Enabled: given.Attributes.Enabled, NotBefore: &from, Expires: &until}
	c.fill(&v.attributes)
	into.versions, into.policy, into.pending = append(into.versions, v), given.Policy, nil
	key := strings.ToLower(c.name)
	c.shelves["certificates"][key] = into
	secret := c.shelves["secrets"][key]
	if secret == nil || len(secret.versions) == 0 {
		secret = &item{name: c.name}
		c.shelves["secrets"][key] = secret
	}
	secret.versions = append(secret.versions, &version{
		id: v.id, managed: true, value: value, contentType: given.Policy.Secret.ContentType, tags: given.Tags, attributes: v.attributes,
	})
	return http.StatusOK, c.render("certificates", into, v, true), nil
}

func (c *call) renderCertificate(out map[string]any, i *item, v *version, whole bool) {
	sum := sha1.Sum(v.certificate) //nolint:gosec // See above.
	out["x5t"] = base64.RawURLEncoding.EncodeToString(sum[:])
	if !whole {
		return
	}
	out["cer"] = v.certificate
	out["sid"] = c.url(c.vault) + "/secrets/" + i.name + "/" + v.id
	out["kid"] = c.url(c.vault) + "/keys/" + i.name + "/" + v.id
	out["contentType"] = v.policy.Secret.ContentType
	shown := *v.policy
	shown.ID = c.idOf("certificates", i, nil) + "/policy"
	out["policy"] = shown
	if i.pending != nil {
		out["pending"] = map[string]any{"id": c.idOf("certificates", i, nil) + "/pending"}
	}
}

func (c *call) getPolicy([]string) (int, any, *refusal) {
	found, refused := c.find("certificates")
	if refused != nil {
		return 0, nil, refused
	}
	shown := *found.policy
	shown.ID = c.idOf("certificates", found, nil) + "/policy"
	return http.StatusOK, shown, nil
}

// pending is a request for a certificate that is under way, with the key that was
// made for it.
type pending struct {
	given certificateRequest
	key   crypto.Signer
	csr   []byte
	id    string
	state string
}

// createCertificate makes a key, and with the issuer Unknown a request for another
// authority to sign, with Self a certificate.
func (c *call) createCertificate([]string) (int, any, *refusal) {
	var given certificateRequest
	if refused := c.decode(&given); refused != nil {
		return 0, nil, refused
	}
	if refused := checkTags(given.Tags); refused != nil {
		return 0, nil, refused
	}
	p := given.Policy
	if p == nil || p.Issuer == nil || p.X509 == nil {
		return 0, nil, badParameter("Property policy with issuer and x509_props is required.")
	}
	if p.Issuer.Name != "Unknown" {
		return 0, nil, notBuilt()
	}
	if p.Secret == nil {
		p.Secret = &secretProps{contentPKCS12}
	}
	into, refused := c.place("certificates")
	if refused != nil {
		return 0, nil, refused
	}
	if into.pending != nil && into.pending.state == "inProgress" {
		return 0, nil, refuse(http.StatusConflict, "Conflict", "", "A new key vault certificate can not be created or renewed while a pending key vault certificate's status is inProgress.")
	}
	key, refused := p.makeKey()
	if refused != nil {
		return 0, nil, refused
	}
	request := &x509.CertificateRequest{DNSNames: p.X509.SANs["dns_names"], EmailAddresses: p.X509.SANs["emails"]}
	subject, err := keys.ParseSubject(p.X509.Subject)
	if err != nil && p.X509.Subject != "" {
		return 0, nil, badParameter("The X500 name of the subject is not valid.")
	}
	request.Subject.FillFromRDNSequence(&subject)
	csr, err := x509.CreateCertificateRequest(rand.Reader, request, key)
	if err != nil {
		return 0, nil, badParameter("The request cannot be made: %v", err)
	}
	into.pending = &pending{given: given, key: key, csr: csr, id: newVersion(), state: "inProgress"}
	c.shelves["certificates"][strings.ToLower(c.name)] = into
	return http.StatusAccepted, c.renderPending(into), nil
}

func (p *policy) makeKey() (crypto.Signer, *refusal) {
	if p.Key == nil {
		p.Key = &keyProperties{Type: "RSA", Size: 2048}
	}
	switch curves := map[string]elliptic.Curve{"": elliptic.P256(), "P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}; {
	case p.Key.Type == "RSA" && slices.Contains([]int{2048, 3072, 4096}, p.Key.Size):
		key, err := rsa.GenerateKey(rand.Reader, p.Key.Size)
		if err == nil {
			return key, nil
		}
	case p.Key.Type == "EC" && curves[p.Key.Curve] != nil:
		key, err := ecdsa.GenerateKey(curves[p.Key.Curve], rand.Reader)
		if err == nil {
			return key, nil
		}
	}
	return nil, badParameter("The key type %s of size %d and curve %q is not supported.", p.Key.Type, p.Key.Size, p.Key.Curve)
}

func (c *call) renderPending(i *item) map[string]any {
	out := map[string]any{
		"id": c.idOf("certificates", i, nil) + "/pending", "issuer": map[string]any{"name": i.pending.given.Policy.Issuer.Name},
		"csr": i.pending.csr, "cancellation_requested": i.pending.state == "cancelled", "status": i.pending.state, "request_id": i.pending.id,
	}
	if i.pending.state == "inProgress" {
		out["status_details"] = "Pending certificate created. Please Perform Merge to complete the request."
	}
	return out
}

// findPending returns the item whose request is under way.
func (c *call) findPending() (*item, *refusal) {
	i := c.shelves["certificates"][strings.ToLower(c.name)]
	if i == nil || i.pending == nil || !i.deleted.IsZero() {
		return nil, refuse(http.StatusNotFound, "PendingCertificateNotFound", "", "Pending certificate not found: %s", c.name)
	}
	return i, nil
}

func (c *call) getPending([]string) (int, any, *refusal) {
	i, refused := c.findPending()
	if refused != nil {
		return 0, nil, refused
	}
	return http.StatusOK, c.renderPending(i), nil
}

func (c *call) cancelPending([]string) (int, any, *refusal) {
	i, refused := c.findPending()
	if refused != nil {
		return 0, nil, refused
	}
	i.pending.state = "cancelled"
	return http.StatusOK, c.renderPending(i), nil
}

func (c *call) deletePending([]string) (int, any, *refusal) {
	i, refused := c.findPending()
	if refused != nil {
		return 0, nil, refused
	}
	shown := c.renderPending(i)
	i.pending = nil
	return http.StatusOK, shown, nil
}

// mergeCertificate takes the certificate for the pending request's key.
func (c *call) mergeCertificate([]string) (int, any, *refusal) {
	i, refused := c.findPending()
	if refused != nil {
		return 0, nil, refused
	}
	var given certificateRequest
	if refused := c.decode(&given); refused != nil {
		return 0, nil, refused
	}
	if refused := checkTags(given.Tags); refused != nil {
		return 0, nil, refused
	}
	if i.pending.state != "inProgress" || len(given.X5C) == 0 {
		return 0, nil, badParameter("There is no certificate to merge, or the request was cancelled.")
	}
	request := i.pending.given
	if given.Tags != nil {
		request.Tags = given.Tags
	}
	for _, der := range given.X5C {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return 0, nil, badParameter("The certificate cannot be read.")
		}
		own, err := x509.MarshalPKIXPublicKey(i.pending.key.Public())
		if err != nil || !bytes.Equal(own, certificate.RawSubjectPublicKeyInfo) {
			continue
		}
		made := material{[][]byte{der}, i.pending.key}
		for _, other := range given.X5C {
			if !bytes.Equal(other, der) {
				made.chain = append(made.chain, other)
			}
		}
		_, shown, refused := c.store(i, request, made)
		return http.StatusCreated, shown, refused
	}
	return 0, nil, badParameter("The public key of the end-entity certificate in the specified X.509 certificate content does not match the public part of the specified private key.")
}

// Certificate is a version of a certificate.
type Certificate struct {
	Name, Version string
	Certificate   *x509.Certificate
	Tags          map[string]string
	Enabled       bool
	Exportable    bool
	// KeyType and Curve are the policy's.
	KeyType, Curve, ContentType string
	// Versions is how many there are.
	Versions int
}

// Certificates are the newest versions of a vault's certificates in use, by name.
func (s *Server) Certificates(vault string) map[string]Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]Certificate{}
	for _, i := range s.vaults[strings.ToLower(vault)].shelves["certificates"] {
		if !i.deleted.IsZero() || len(i.versions) == 0 {
			continue
		}
		v := i.newest()
		certificate, err := x509.ParseCertificate(v.certificate)
		if err != nil {
			panic(fmt.Sprint("azuretest: a certificate that was parsed cannot be: ", err))
		}
		out[i.name] = Certificate{
			Name: i.name, Version: v.id, Certificate: certificate, Tags: maps.Clone(v.tags), Enabled: v.attributes.enabled(),
			Exportable: *v.policy.Key.Exportable, KeyType: v.policy.Key.Type, Curve: v.policy.Key.Curve,
			ContentType: v.policy.Secret.ContentType, Versions: len(i.versions),
		}
	}
	return out
}
