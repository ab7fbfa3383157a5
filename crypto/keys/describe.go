package keys

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// notKeys are the beginnings of files that are given for keys by mistake.
var notKeys = []struct{ prefix, what string }{
	{"age-encryption.org/", "the file is an age envelope"},
	{"-----BEGIN AGE ENCRYPTED FILE-----", "the file is an age envelope"},
	{"-----BEGIN PGP MESSAGE-----", "the file is an OpenPGP message"},
	{"-----BEGIN PGP SIGNATURE-----", "the file is an OpenPGP signature"},
	{"-----BEGIN PGP SIGNED MESSAGE-----", "the file is a text signed with OpenPGP"},
	{"enc:", "the file is a js7 envelope"},
	{"eyJ", "the file is a JOSE token or envelope"},
	{"PuTTY-User-Key-File-", "the file is a PuTTY key; export it with puttygen -O private-openssh"},
	{"\xce\xce\xce\xce", "the file is a JCEKS keystore; convert it with keytool -importkeystore -deststoretype pkcs12"},
	{"0\x80", "the file is BER with indefinite lengths; convert it to PEM, a keystore with openssl pkcs12 -nodes"},
	{"PK\x03\x04", "the file is a ZIP archive"},
	{"<", "the file is HTML or XML"},
	{"{", "the file is JSON, but no JWK"},
	{"[", "the file is JSON, but no JWK"},
	{"\xff\xfe", "the file is UTF-16 text, as PowerShell writes it; save it as UTF-8"},
	{"\xfe\xff", "the file is UTF-16 text; save it as UTF-8"},
}

// notKey says what a file is that begins as one of notKeys; empty if none.
func notKey(text []byte) string {
	for _, not := range notKeys {
		if bytes.HasPrefix(text, []byte(not.prefix)) {
			return not.what
		}
	}
	return ""
}

// describe says what data is, as the first words of an error, where it holds no
// key. It repeats nothing of data.
func describe(data []byte) string {
	text := bytes.TrimSpace(data)
	if len(text) == 0 {
		return "the file is empty"
	}
	if what := notKey(text); what != "" {
		return what
	}
	switch shape := shapeOf(data); {
	case shape == shapeSigned && otherSigned(data) != "":
		return "the file is " + otherSigned(data) + "; give the certificate or the key"
	case shape == shapeContentInfo:
		return "the file is a PKCS#7 or CMS structure; take certificates out of it with openssl pkcs7 -print_certs"
	case shape == shapeDSAPrivate:
		return "the file is a DSA key"
	case shape != "":
		return "the file is DER, but neither a key nor a certificate"
	case data[0] == 0x30 && len(data) > 1 && (data[1] > 0x80 || !utf8.Valid(data)):
		return "the file is DER that is damaged or cut off, or has something behind it"
	case !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0:
		return "the file is binary, but neither DER nor a keystore"
	}
	return "the file is text, but neither PEM, a JWK, an SSH key nor an age key"
}

// describePEM says what a PEM block is that holds no key.
func describePEM(kind string) string {
	what := map[string]string{
		"CERTIFICATE REQUEST":     "a certificate signing request; give the certificate or the key",
		"NEW CERTIFICATE REQUEST": "a certificate signing request; give the certificate or the key",
		"X509 CRL":                "a certificate revocation list",
		"PKCS7":                   "a PKCS#7 bundle; take the certificates out of it with openssl pkcs7 -print_certs",
		"CMS":                     "a CMS envelope",
		"AGE ENCRYPTED FILE":      "an age envelope",
		"EC PARAMETERS":           "the name of a curve, without a key",
		"DH PARAMETERS":           "Diffie-Hellman parameters, without a key",
	}[kind]
	switch {
	case what != "":
		return "the file is " + what
	case strings.HasPrefix(kind, "PGP "):
		return fmt.Sprintf("the file is an OpenPGP %s, not a key", strings.ToLower(strings.TrimPrefix(kind, "PGP ")))
	}
	return fmt.Sprintf("the file has a PEM block %.40q, which holds no key", kind)
}
