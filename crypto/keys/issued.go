package keys

import (
	"crypto/x509/pkix"
	"math/big"
	"net"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Issued is what a certificate says beside its key, validity and key usage.
type Issued struct {
	Subject, Issuer pkix.RDNSequence
	SerialNumber    *big.Int
	// Names are the subject alternative names, in the form that Template has.
	Names []string
}

// Issued reads the certificate, also one that the standard library cannot parse;
// false if there is none.
func (p *Public) Issued() (*Issued, bool) {
	var raw rawCertificate
	if p.CertificateDER == nil || !unmarshal(p.CertificateDER, &raw) {
		return nil, false
	}
	issued := &Issued{SerialNumber: raw.TBS.SerialNumber}
	if !unmarshal(raw.TBS.Subject.FullBytes, &issued.Subject) || !unmarshal(raw.TBS.Issuer.FullBytes, &issued.Issuer) {
		return nil, false
	}
	for _, extension := range raw.TBS.Extensions {
		if extension.Id.Equal(oidSubjectAltName) {
			issued.Names = readNames(extension.Value)
		}
	}
	return issued, true
}

// readNames reads GeneralNames (RFC 5280, section 4.2.1.6), as far as there are
// words for them.
func readNames(value []byte) []string {
	input := cryptobyte.String(value)
	var names cryptobyte.String
	if !input.ReadASN1(&names, der.SEQUENCE) {
		return nil
	}
	var found []string
	for !names.Empty() {
		var name cryptobyte.String
		var tag der.Tag
		if !names.ReadAnyASN1(&name, &tag) {
			return found
		}
		if word := nameWords[int(tag&0x1f)]; word != "" {
			text := string(name)
			if word == "IP:" {
				text = net.IP(name).String()
			}
			found = append(found, word+text)
		}
	}
	return found
}

var nameWords = map[int]string{tagEmail: "email:", tagDNS: "DNS:", tagURI: "URI:", tagIP: "IP:"}
