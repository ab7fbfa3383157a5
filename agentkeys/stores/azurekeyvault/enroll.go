package azurekeyvault

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azcertificates"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/azure"
)

// Request implements stores.Enroller. The vault makes the key and the request; the
// certificate in use stays until Finish. The names are sent as the SDK has them: DNS
// names, email addresses, IP addresses and URIs.
func (s *Store) Request(ctx context.Context, enrolment stores.Enrolment) ([]byte, stores.Outcome, error) {
	properties, err := newKey(enrolment)
	if err != nil {
		return nil, stores.Outcome{}, err
	}
	there, err := s.Lookup(ctx, enrolment.Alias)
	if err != nil && !errors.Is(err, stores.ErrNotFound) {
		return nil, stores.Outcome{}, err
	}
	tags := merged(there.Tags, enrolment.Tags, true)
	if err := checkTags(tags); err != nil {
		return nil, stores.Outcome{}, err
	}
	pending, err := s.client.GetCertificateOperation(ctx, enrolment.Alias, nil)
	switch err = s.explain(err); {
	case err == nil && inProgress(pending.Status):
		return asPEM(pending.CSR), stores.Outcome{Did: stores.DidNothing, Notes: []string{"a request was under way already"}}, nil
	case err != nil && !errors.Is(err, stores.ErrNotFound):
		return nil, stores.Outcome{}, err
	case enrolment.DryRun:
		return nil, stores.Outcome{Did: stores.DidRequest}, nil
	}
	content := contentPKCS12
	if there.Key != nil {
		policy, err := s.client.GetCertificatePolicy(ctx, enrolment.Alias, nil)
		if err != nil {
			return nil, stores.Outcome{}, s.explain(err)
		}
		if policy.SecretProperties != nil && policy.SecretProperties.ContentType != nil {
			content = *policy.SecretProperties.ContentType
		}
	}
	var csr []byte
	err = azure.WhileBusy(ctx, func() error {
		made, err := s.client.CreateCertificate(azure.Once(ctx), enrolment.Alias, azcertificates.CreateCertificateParameters{
			Tags: pointers(tags),
			CertificatePolicy: &azcertificates.CertificatePolicy{
				KeyProperties:             properties,
				SecretProperties:          &azcertificates.SecretProperties{ContentType: &content},
				IssuerParameters:          &azcertificates.IssuerParameters{Name: to.Ptr("Unknown")},
				X509CertificateProperties: subject(enrolment.Template),
			},
		}, nil)
		csr = made.CSR
		return s.pace.Heed(err)
	}, nil)
	if err != nil {
		return nil, stores.Outcome{}, s.explain(err)
	}
	return asPEM(csr), stores.Outcome{Did: stores.DidRequest}, nil
}

func asPEM(csr []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})
}

// newKey are the properties of the key to make.
func newKey(enrolment stores.Enrolment) (*azcertificates.KeyProperties, error) {
	p := &azcertificates.KeyProperties{Exportable: to.Ptr(!enrolment.NotExportable), ReuseKey: to.Ptr(false), KeyType: to.Ptr(azcertificates.KeyTypeRSA)}
	switch enrolment.Kind {
	case "rsa-2048":
		p.KeySize = to.Ptr(int32(2048))
	case "rsa-3072":
		p.KeySize = to.Ptr(int32(3072))
	case "rsa-4096":
		p.KeySize = to.Ptr(int32(4096))
	case "ec-p256", "ec-p384", "ec-p521":
		p.KeyType, p.Curve = to.Ptr(azcertificates.KeyTypeEC), to.Ptr(azcertificates.CurveName("P-"+strings.TrimPrefix(enrolment.Kind, "ec-p")))
	default:
		return nil, fmt.Errorf("%w: a vault makes no key of the kind %q; it makes rsa-2048, rsa-3072, rsa-4096, ec-p256, ec-p384 and ec-p521", stores.ErrInvalid, enrolment.Kind)
	}
	return p, nil
}

// subject is what the certificate is to say of whose it is.
func subject(template keys.Template) *azcertificates.X509CertificateProperties {
	out := &azcertificates.X509CertificateProperties{Subject: to.Ptr(template.Subject.String()), SubjectAlternativeNames: &azcertificates.SubjectAlternativeNames{}}
	names := out.SubjectAlternativeNames
	for _, name := range template.Names {
		kind, value, _ := strings.Cut(name, ":")
		switch kind {
		case "email":
			names.Emails = append(names.Emails, &value)
		case "IP":
			names.IPAddresses = append(names.IPAddresses, &value)
		case "URI":
			names.URIs = append(names.URIs, &value)
		case "DNS":
			names.DNSNames = append(names.DNSNames, &value)
		default:
			names.DNSNames = append(names.DNSNames, &name)
		}
	}
	return out
}

// Finish implements stores.Enroller.
func (s *Store) Finish(ctx context.Context, alias string, certificates []byte, dryRun bool) (stores.Outcome, error) {
	public, err := keys.ParsePublic(certificates)
	if err != nil || public.CertificateDER == nil {
		return stores.Outcome{}, fmt.Errorf("%w: there is no certificate", stores.ErrInvalid)
	}
	pending, err := s.client.GetCertificateOperation(ctx, alias, nil)
	if err := s.explain(err); err != nil {
		return stores.Outcome{}, err
	}
	if !inProgress(pending.Status) {
		return stores.Outcome{}, fmt.Errorf("%w: no request of %s is under way", stores.ErrNotFound, alias)
	}
	if err := stores.CheckRequest(pending.CSR, public); err != nil {
		return stores.Outcome{}, err
	}
	if dryRun {
		return stores.Outcome{Did: stores.DidFinish}, nil
	}
	if err := s.pace.Write(ctx); err != nil {
		return stores.Outcome{}, err
	}
	got, err := s.client.MergeCertificate(azure.Once(ctx), alias, azcertificates.MergeCertificateParameters{X509Certificates: der(certificates)}, nil)
	if err != nil {
		return stores.Outcome{}, s.explain(err)
	}
	outcome := stores.Outcome{Did: stores.DidFinish}
	if got.ID != nil {
		outcome.Version = got.ID.Version()
	}
	return outcome, nil
}
