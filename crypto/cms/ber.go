package cms

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// streamed are the elements that OpenSSL writes with indefinite length (X.690,
// section 8.1.3.6) when it streams, each inside the one before: ContentInfo,
// its content, the EnvelopedData or AuthEnvelopedData, its EncryptedContentInfo
// and the encrypted content, which is constructed of OCTET STRINGs (X.690,
// section 8.7.3). Everything else is DER.
var streamed = []asn1.Tag{
	asn1.SEQUENCE,
	asn1.Tag(0).ContextSpecific().Constructed(),
	asn1.SEQUENCE,
	asn1.SEQUENCE,
	asn1.Tag(0).ContextSpecific().Constructed(),
}

// isIndefinite says whether data begins an element of indefinite length.
func isIndefinite(data []byte) bool { return len(data) > 1 && data[1] == 0x80 }

// fromBER rewrites such an envelope as DER, in one pass.
func fromBER(data []byte) ([]byte, error) {
	var b cryptobyte.Builder
	rest := cryptobyte.String(data)
	if !copyElement(&b, &rest, streamed) || !rest.Empty() {
		return nil, errMalformed
	}
	der, err := b.Bytes()
	if err != nil {
		return nil, errMalformed
	}
	return der, nil
}

// copyElement copies the element that s begins with; it may be of indefinite
// length if it is the first of path, and then one inside it the second.
func copyElement(b *cryptobyte.Builder, s *cryptobyte.String, path []asn1.Tag) bool {
	if len(path) > 0 && isIndefinite(*s) && asn1.Tag((*s)[0]) == path[0] {
		s.Skip(2)
		if len(path) == 1 {
			return joinChunks(b, s)
		}
		whole := true
		b.AddASN1(path[0], func(b *cryptobyte.Builder) {
			for whole && !skipEnd(s) {
				whole = copyElement(b, s, path[1:])
			}
		})
		return whole
	}
	var element cryptobyte.String
	var tag asn1.Tag
	if !s.ReadAnyASN1Element(&element, &tag) {
		return false
	}
	b.AddBytes(element)
	return true
}

// joinChunks writes the encrypted content as the one string that it is.
func joinChunks(b *cryptobyte.Builder, s *cryptobyte.String) bool {
	whole := true
	b.AddASN1(asn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) {
		for whole && !skipEnd(s) {
			var chunk cryptobyte.String
			whole = s.ReadASN1(&chunk, asn1.OCTET_STRING)
			b.AddBytes(chunk)
		}
	})
	return whole
}

// skipEnd skips the end of an element of indefinite length, if it is next.
func skipEnd(s *cryptobyte.String) bool {
	return bytes.HasPrefix(*s, []byte{0, 0}) && s.Skip(2)
}
