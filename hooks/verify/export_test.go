package verify

import (
	"testing"

	"github.com/sealrelay/sealrelay/hooks"
)

// CheckSignatureForTest verifies the one HTTP Message Signature of a request with
// a key, whatever it covers and whenever it was made, and returns its base.
func CheckSignatureForTest(r *hooks.Request, algorithm string, key []byte) (base string, ok bool, err error) {
	s, err := parseSignature(r.Header)
	if err != nil {
		return "", false, err
	}
	b, err := s.base(r)
	if err != nil {
		return "", false, err
	}
	verify, err := newVerifyFunc(algorithm, key)
	if err != nil {
		return "", false, err
	}
	_, ok = verify(b, s.signature)
	return string(b), ok, nil
}

// VerifyForTest says whether a signature is one of the message by the key.
func VerifyForTest(t testing.TB, algorithm string, key, message, signature []byte) bool {
	t.Helper()
	verify, err := newVerifyFunc(algorithm, key)
	if err != nil {
		t.Fatal(err)
	}
	_, ok := verify(message, signature)
	return ok
}
