package azuretest

import (
	"crypto/sha1" //nolint:gosec // It is no more than a name here.
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// material is what a certificate is made of: its own certificate and those that came
// with it, and the private key, in a type of package keys.
type material struct {
	chain [][]byte
	key   any
}

// secret is the value of the secret that goes with a certificate, as its policy has it:
// PEM, or PKCS#12 in base64 without a password. The private key is in it if it may be
// exported. Unlike Azure's, a PKCS#12 file of here has no MAC, and nothing in it is
// encrypted.
func (m material) secret(p *policy) (string, *refusal) {
	var private []byte
	if *p.Key.Exportable {
		var err error
		if private, err = keys.MarshalPrivate(m.key, nil); err != nil {
			return "", badParameter("The private key is not supported.")
		}
	}
	if p.Secret.ContentType == contentPEM {
		text := string(private)
		for _, certificate := range m.chain {
			text += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
		}
		return text, nil
	}
	var pkcs8 []byte
	if block, _ := pem.Decode(private); block != nil {
		pkcs8 = block.Bytes
	}
	pfx, err := m.pfx(pkcs8)
	if err != nil {
		return "", badParameter("The certificate cannot be exported.")
	}
	return base64.StdEncoding.EncodeToString(pfx), nil
}

var (
	oidData        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidKeyBag      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}
	oidCertBag     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidCertificate = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
	oidLocalKeyID  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 21}

	explicit0 = der.Tag(0).ContextSpecific().Constructed()
)

// pfx is a PFX (RFC 7292, section 4) of one SafeContents; without pkcs8 it has no key.
func (m material) pfx(pkcs8 []byte) ([]byte, error) {
	var safe, out cryptobyte.Builder
	safe.AddASN1(der.SEQUENCE, func(contents *cryptobyte.Builder) {
		addData(contents, func(data *cryptobyte.Builder) {
			data.AddASN1(der.SEQUENCE, func(bags *cryptobyte.Builder) { m.addBags(bags, pkcs8) })
		})
	})
	authenticated, err := safe.Bytes()
	if err != nil {
		return nil, err
	}
	out.AddASN1(der.SEQUENCE, func(pfx *cryptobyte.Builder) {
		pfx.AddASN1Int64(3)
		addData(pfx, func(data *cryptobyte.Builder) { data.AddBytes(authenticated) })
	})
	return out.Bytes()
}

// addData adds ContentInfo of data (RFC 5652, section 3).
func addData(b *cryptobyte.Builder, content cryptobyte.BuilderContinuation) {
	b.AddASN1(der.SEQUENCE, func(info *cryptobyte.Builder) {
		info.AddASN1ObjectIdentifier(oidData)
		info.AddASN1(explicit0, func(explicit *cryptobyte.Builder) { explicit.AddASN1(der.OCTET_STRING, content) })
	})
}

func (m material) addBags(bags *cryptobyte.Builder, pkcs8 []byte) {
	if pkcs8 != nil {
		addBag(bags, oidKeyBag, m.chain[0], func(value *cryptobyte.Builder) { value.AddBytes(pkcs8) })
	}
	for i, certificate := range m.chain {
		var own []byte
		if i == 0 && pkcs8 != nil {
			own = certificate
		}
		addBag(bags, oidCertBag, own, func(value *cryptobyte.Builder) {
			value.AddASN1(der.SEQUENCE, func(bag *cryptobyte.Builder) {
				bag.AddASN1ObjectIdentifier(oidCertificate)
				bag.AddASN1(explicit0, func(explicit *cryptobyte.Builder) { explicit.AddASN1OctetString(certificate) })
			})
		})
	}
}

// addBag adds SafeBag (RFC 7292, section 4.2); own is the certificate by which a key and
// its certificate are tied together, nil for neither.
func addBag(bags *cryptobyte.Builder, oid asn1.ObjectIdentifier, own []byte, content cryptobyte.BuilderContinuation) {
	bags.AddASN1(der.SEQUENCE, func(bag *cryptobyte.Builder) {
		bag.AddASN1ObjectIdentifier(oid)
		bag.AddASN1(explicit0, content)
		if own == nil {
			return
		}
		sum := sha1.Sum(own) //nolint:gosec // See above.
		bag.AddASN1(der.SET, func(set *cryptobyte.Builder) {
			set.AddASN1(der.SEQUENCE, func(attribute *cryptobyte.Builder) {
				attribute.AddASN1ObjectIdentifier(oidLocalKeyID)
				attribute.AddASN1(der.SET, func(values *cryptobyte.Builder) { values.AddASN1OctetString(sum[:]) })
			})
		})
	})
}
