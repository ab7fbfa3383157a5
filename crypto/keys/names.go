package keys

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// attributeTypes are those of RFC 4514, section 3, and two that authorities ask
// for; the values of some are ASCII (RFC 5280, appendix A.1).
var attributeTypes = map[string]struct {
	oid   asn1.ObjectIdentifier
	ascii bool
}{
	"CN":           {asn1.ObjectIdentifier{2, 5, 4, 3}, false},
	"SERIALNUMBER": {asn1.ObjectIdentifier{2, 5, 4, 5}, false},
	"C":            {asn1.ObjectIdentifier{2, 5, 4, 6}, false},
	"L":            {asn1.ObjectIdentifier{2, 5, 4, 7}, false},
	"ST":           {asn1.ObjectIdentifier{2, 5, 4, 8}, false},
	"STREET":       {asn1.ObjectIdentifier{2, 5, 4, 9}, false},
	"O":            {asn1.ObjectIdentifier{2, 5, 4, 10}, false},
	"OU":           {asn1.ObjectIdentifier{2, 5, 4, 11}, false},
	"UID":          {asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, false},
	"DC":           {asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, true},
	"EMAILADDRESS": {asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, true},
}

// CommonName is the subject that has a common name only; none if it is empty.
func CommonName(name string) pkix.RDNSequence {
	if name == "" {
		return nil
	}
	return pkix.RDNSequence{{{Type: attributeTypes["CN"].oid, Value: name}}}
}

// ParseSubject reads a distinguished name in the text form of RFC 4514, such as
// "CN=agent1,OU=Batch,O=Example,C=DE", the most specific part first, with \ and
// two hex digits or the character itself for those that have a meaning. The
// parts may be CN, OU, O, L, ST, C, STREET, DC, UID, serialNumber and
// emailAddress, in upper or lower case, at most one at a level. Any other text is
// ErrMalformed.
func ParseSubject(text string) (pkix.RDNSequence, error) {
	if strings.HasPrefix(text, "/") {
		return nil, fmt.Errorf(`%w: give the subject as "CN=agent1,O=Example", not with slashes`, ErrMalformed)
	}
	var subject pkix.RDNSequence
	for rest, more := text, true; more; {
		var part string
		part, rest, more = cutUnescaped(rest)
		attribute, err := parseAttribute(part)
		if err != nil {
			return nil, err
		}
		subject = append(subject, []pkix.AttributeTypeAndValue{attribute})
	}
	slices.Reverse(subject) // RFC 4514, section 2.1
	return subject, nil
}

// cutUnescaped cuts at the first comma without a backslash before it.
func cutUnescaped(text string) (before, after string, found bool) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case ',':
			return text[:i], text[i+1:], true
		}
	}
	return text, "", false
}

func parseAttribute(part string) (pkix.AttributeTypeAndValue, error) {
	name, escaped, found := strings.Cut(part, "=")
	kind, known := attributeTypes[strings.ToUpper(strings.TrimSpace(name))]
	if !found || !known {
		return pkix.AttributeTypeAndValue{}, fmt.Errorf(`%w: a part of the subject is not like "CN=agent1"; its parts may be CN, OU, O, L, ST, C, STREET, DC, UID, serialNumber and emailAddress`, ErrMalformed)
	}
	value, ok := unescape(strings.TrimSpace(escaped))
	if !ok || value == "" || !utf8.ValidString(value) || kind.ascii && !isASCII(value) {
		return pkix.AttributeTypeAndValue{}, fmt.Errorf("%w: the value of %s in the subject is empty or cannot be read", ErrMalformed, name)
	}
	if kind.ascii {
		return pkix.AttributeTypeAndValue{Type: kind.oid, Value: asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte(value)}}, nil
	}
	return pkix.AttributeTypeAndValue{Type: kind.oid, Value: value}, nil
}

// unescape reads RFC 4514, section 3: after a backslash, two hex digits or a
// character. What would have to be escaped is refused elsewhere.
func unescape(text string) (string, bool) {
	var out []byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		if strings.ContainsRune(`"+;<>`, rune(c)) || c < ' ' {
			return "", false
		}
		if c != '\\' {
			out = append(out, c)
			continue
		}
		if i+2 < len(text) {
			if octet, err := hex.DecodeString(text[i+1 : i+3]); err == nil {
				out = append(out, octet...)
				i += 2
				continue
			}
		}
		if i++; i == len(text) {
			return "", false
		}
		out = append(out, text[i])
	}
	return string(out), true
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// The tags of GeneralName (RFC 5280, section 4.2.1.6).
const (
	tagEmail = 1
	tagDNS   = 2
	tagURI   = 6
	tagIP    = 7
)

// marshalNames writes GeneralNames.
func marshalNames(names []string) ([]byte, error) {
	var values []asn1.RawValue
	for _, name := range names {
		tag, value, ok := generalName(name)
		if !ok {
			return nil, fmt.Errorf("%w: %.100q is no host, IP address, email address or URI; give DNS:, IP:, email: or URI: before it", ErrMalformed, name)
		}
		values = append(values, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: value})
	}
	return asn1.Marshal(values)
}

// NormalName is a name of a [Template] with what it is before it, "DNS:", "IP:",
// "email:" or "URI:", and an address as it is usually written. The error wraps
// ErrMalformed.
func NormalName(name string) (string, error) {
	tag, value, ok := generalName(name)
	if !ok {
		return "", fmt.Errorf("%w: %.100q is no host, IP address, email address or URI", ErrMalformed, name)
	}
	if tag == tagIP {
		return nameWords[tag] + net.IP(value).String(), nil
	}
	return nameWords[tag] + string(value), nil
}

func generalName(name string) (tag int, value []byte, ok bool) {
	if address, err := netip.ParseAddr(name); err == nil {
		return tagIP, address.AsSlice(), address.Zone() == ""
	}
	kind, text, found := strings.Cut(name, ":")
	if !found {
		kind, text = "DNS", name
		if strings.Contains(name, "@") {
			kind = "email"
		}
	}
	switch strings.ToLower(kind) {
	case "ip":
		address, err := netip.ParseAddr(text)
		return tagIP, address.AsSlice(), err == nil && address.Zone() == ""
	case "dns":
		return tagDNS, []byte(text), isHost(text)
	case "email":
		return tagEmail, []byte(text), isASCII(text) && strings.Count(text, "@") == 1 && !strings.Contains(text, " ")
	case "uri":
		parsed, err := url.Parse(text)
		return tagURI, []byte(text), err == nil && parsed.Scheme != "" && isASCII(text)
	}
	return 0, nil, false
}

// isHost says whether text is a name of letters, digits and hyphens, whose first
// label may be an asterisk.
func isHost(text string) bool {
	for label := range strings.SplitSeq(strings.TrimPrefix(text, "*."), ".") {
		plain := strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
		if label == "" || !plain || len(label) > 63 {
			return false
		}
	}
	return len(text) < 254
}
