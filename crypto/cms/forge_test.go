package cms

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

// forged is an envelope taken apart, to be changed and put together again.
type forged = authEnvelopedData

// forge returns the DER of an envelope after a change to it.
func forge(t testing.TB, envelope []byte, change func(*forged)) []byte {
	t.Helper()
	info, err := strict[contentInfo[authEnvelopedData]](written(t, "raw", envelope), "")
	if err != nil {
		t.Fatal(err)
	}
	change(&info.Content)
	return marshal(t, info, "")
}

func marshal(t testing.TB, value any, params string) []byte {
	t.Helper()
	der, err := asn1.MarshalWithParams(value, params)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func raw(der []byte) asn1.RawValue { return asn1.RawValue{FullBytes: der} }

// forgeAgreement changes the only recipient, which has an EC key.
func forgeAgreement(t testing.TB, envelope []byte, change func(*keyAgreeRecipientInfo)) []byte {
	t.Helper()
	return forge(t, envelope, func(f *forged) {
		info, err := strict[keyAgreeRecipientInfo](f.Recipients[0].FullBytes, keyAgreeTag)
		if err != nil {
			t.Fatal(err)
		}
		change(&info)
		f.Recipients[0] = raw(marshal(t, info, keyAgreeTag))
	})
}

// forgeOriginator changes the ephemeral key of the only recipient.
func forgeOriginator(t testing.TB, envelope []byte, change func(*originatorPublicKey)) []byte {
	t.Helper()
	return forgeAgreement(t, envelope, func(a *keyAgreeRecipientInfo) {
		named, err := strict[originator](a.Originator.FullBytes, originatorTag)
		if err != nil {
			t.Fatal(err)
		}
		change(&named.Key)
		a.Originator = raw(marshal(t, named, originatorTag))
	})
}

// forgeTransport changes the only recipient, which has an RSA key.
func forgeTransport(t testing.TB, envelope []byte, change func(*keyTransRecipientInfo)) []byte {
	t.Helper()
	return forge(t, envelope, func(f *forged) {
		info, err := strict[keyTransRecipientInfo](f.Recipients[0].FullBytes, "")
		if err != nil {
			t.Fatal(err)
		}
		change(&info)
		f.Recipients[0] = raw(marshal(t, info, ""))
	})
}

// contentKey is a key whose envelopes the tests can make at will.
var contentKey = bytes.Repeat([]byte{7}, keySize)

// wrappedFor wraps contentKey, cut to size bytes, for a test key.
func wrappedFor(t testing.TB, name string, size int) []asn1.RawValue {
	t.Helper()
	info, err := bare(t, name).(*recipient).info(contentKey[:size])
	if err != nil {
		t.Fatal(err)
	}
	return []asn1.RawValue{raw(info)}
}

// pkcs1For is the same in RSAES-PKCS1-v1_5.
func pkcs1For(t testing.TB, name string, size int) []asn1.RawValue {
	t.Helper()
	public := privateKey(t, name).(*rsa.PrivateKey).PublicKey
	encrypted, err := rsa.EncryptPKCS1v15(rand.Reader, &public, contentKey[:size]) //nolint:staticcheck // As old senders do.
	if err != nil {
		t.Fatal(err)
	}
	info, err := strict[keyTransRecipientInfo](wrappedFor(t, name, size)[0].FullBytes, "")
	if err != nil {
		t.Fatal(err)
	}
	info.Algorithm = pkix.AlgorithmIdentifier{Algorithm: oidRSA, Parameters: asn1.NullRawValue}
	info.EncryptedKey = encrypted
	return []asn1.RawValue{raw(marshal(t, info, ""))}
}

// sealGCM makes an AuthEnvelopedData under contentKey, with attributes.
func sealGCM(t testing.TB, recipients []asn1.RawValue, plaintext string, attributes []attribute) []byte {
	t.Helper()
	block, err := aes.NewCipher(contentKey)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	var additional []byte
	if attributes != nil {
		additional = marshal(t, attributes, "set")
	}
	nonce := make([]byte, nonceSize)
	text := gcm.Seal(nil, nonce, []byte(plaintext), additional)
	algorithm := pkix.AlgorithmIdentifier{Algorithm: oidAES256GCM, Parameters: raw(marshal(t, gcmParameters{nonce, tagSize}, ""))}
	return marshal(t, contentInfo[authEnvelopedData]{oidAuthEnvelopedData, authEnvelopedData{
		Recipients: recipients,
		Content:    encryptedContentInfo{oidData, algorithm, text[:len(plaintext)]},
		Attributes: attributes,
		MAC:        text[len(plaintext):],
	}}, "")
}

// sealCBC makes an EnvelopedData under contentKey, of text that is padded
// already.
func sealCBC(t testing.TB, recipients []asn1.RawValue, padded string, change func(*envelopedData)) []byte {
	t.Helper()
	block, err := aes.NewCipher(contentKey)
	if err != nil {
		t.Fatal(err)
	}
	iv, text := make([]byte, aes.BlockSize), []byte(padded)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(text, text)
	data := envelopedData{Version: 2, Recipients: recipients, Content: encryptedContentInfo{
		Type:      oidData,
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: cbcKeySizes[2].oid, Parameters: raw(marshal(t, iv, ""))},
		Content:   text,
	}}
	change(&data)
	return marshal(t, contentInfo[envelopedData]{oidEnvelopedData, data}, "")
}

// paddedValue is "value" with its padding.
const paddedValue = "value\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"

// ecPoint returns the public key of a test key, uncompressed.
func ecPoint(t testing.TB, name string) []byte {
	t.Helper()
	key, err := privateKey(t, name).(*ecdsa.PrivateKey).ECDH()
	if err != nil {
		t.Fatal(err)
	}
	return key.PublicKey().Bytes()
}
