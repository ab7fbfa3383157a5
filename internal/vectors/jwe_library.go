package main

import (

	//nolint:gosec // To be refused.
	"encoding/json"

	jose "github.com/go-jose/go-jose/v4"
)

const joseVersion = "go-jose v4.1.8"

// jweLibrary is what another library seals, and what it would with algorithms
// that are not on the list.
func jweLibrary(s *set) {
	s.source = joseVersion
	for _, kind := range []string{"rsa2048", "p256", "p384", "p521"} {
		alg := jose.ECDH_ES_A256KW
		if kind == "rsa2048" {
			alg = jose.RSA_OAEP_256
		}
		made := joseSeal(jose.A256GCM, jose.Recipient{Algorithm: alg, Key: publicKey(kind)}, nil)
		s.good(kind+"-library", kind, []byte(must(made.CompactSerialize())), joseSecret, "compact serialization of another library")
		s.good(kind+"-library-json", kind, []byte(made.FullSerialize()), joseSecret, "JSON serialization of another library")
		for _, enc := range []jose.ContentEncryption{jose.A128GCM, jose.A192GCM, jose.A128CBC_HS256, jose.A192CBC_HS384, jose.A256CBC_HS512} {
			if kind != "p384" && kind != "p521" {
				refused := joseSeal(enc, jose.Recipient{Algorithm: alg, Key: publicKey(kind)}, nil)
				s.add(kind+"-enc-"+string(enc), forbidden, kind, []byte(must(refused.CompactSerialize())), "content encryption "+string(enc)+": not on the closed list")
			}
		}
	}
	several := must(jose.NewMultiEncrypter(jose.A256GCM, []jose.Recipient{
		{Algorithm: jose.RSA_OAEP_256, Key: publicKey("rsa2048"), KeyID: "one"},
		{Algorithm: jose.ECDH_ES_A256KW, Key: publicKey("p521"), KeyID: "two"},
	}, nil))
	text := []byte(must(several.EncryptWithAuthData(joseSecret, []byte("label"))).FullSerialize())
	for _, kind := range []string{"rsa2048", "p521"} {
		s.good(kind+"-library-both", kind, text, joseSecret, "beside the recipients, the encrypted key of the first one is repeated, where RFC 7516, section 7.2.1, has none; this library writes it so, and an exact copy misleads nobody")
	}
	var members map[string]json.RawMessage
	check(json.Unmarshal(text, &members))
	delete(members, "encrypted_key")
	text = must(json.Marshal(members))
	s.source = joseVersion + ", without encrypted_key beside recipients"
	for _, kind := range []string{"rsa2048", "p521"} {
		s.good(kind+"-library-several", kind, text, joseSecret, "two recipients and additional authenticated data, by another library")
	}
	s.add("p256-library-several", noMatch, "p256", text, "two recipients, none of which is this one, by another library")
	s.source = joseVersion
	jweLibraryRefused(s)
}

var joseSecret = []byte("secret of another library")

func joseSeal(enc jose.ContentEncryption, to jose.Recipient, options *jose.EncrypterOptions) *jose.JSONWebEncryption {
	return must(must(jose.NewEncrypter(enc, to, options)).Encrypt(joseSecret))
}

func jweLibraryRefused(s *set) {
	symmetric := random(32)
	for _, c := range []struct {
		kind string
		to   jose.Recipient
		why  string
	}{
		{"rsa2048", jose.Recipient{Algorithm: jose.RSA1_5, Key: publicKey("rsa2048")}, "it answers to padding oracles"},
		{"rsa2048", jose.Recipient{Algorithm: jose.RSA_OAEP, Key: publicKey("rsa2048")}, "it is on SHA-1"},
		{"p256", jose.Recipient{Algorithm: jose.ECDH_ES, Key: publicKey("p256")}, "without a wrap, a wrong key cannot be told from damage"},
		{"p256", jose.Recipient{Algorithm: jose.ECDH_ES_A128KW, Key: publicKey("p256")}, "only the wrap with 256 bits is"},
		{"p256", jose.Recipient{Algorithm: jose.ECDH_ES_A192KW, Key: publicKey("p256")}, "only the wrap with 256 bits is"},
		{"p256", jose.Recipient{Algorithm: jose.DIRECT, Key: symmetric}, "it needs a shared secret"},
		{"p256", jose.Recipient{Algorithm: jose.A256KW, Key: symmetric}, "it needs a shared secret"},
		{"p256", jose.Recipient{Algorithm: jose.A128KW, Key: symmetric[:16]}, "it needs a shared secret"},
		{"p256", jose.Recipient{Algorithm: jose.A256GCMKW, Key: symmetric}, "it needs a shared secret"},
		{"p256", jose.Recipient{Algorithm: jose.PBES2_HS256_A128KW, Key: []byte("password"), PBES2Count: 1000, PBES2Salt: random(16)}, "the sender chooses the work"},
		{"p256", jose.Recipient{Algorithm: jose.PBES2_HS512_A256KW, Key: []byte("password"), PBES2Count: 1000, PBES2Salt: random(16)}, "the sender chooses the work"},
	} {
		made := joseSeal(jose.A256GCM, c.to, nil)
		s.add(c.kind+"-alg-"+string(c.to.Algorithm), forbidden, c.kind, []byte(must(made.CompactSerialize())), "key management "+string(c.to.Algorithm)+": not on the closed list, since "+c.why)
	}
	zipped := joseSeal(jose.A256GCM, jose.Recipient{Algorithm: jose.RSA_OAEP_256, Key: publicKey("rsa2048")}, &jose.EncrypterOptions{Compression: jose.DEFLATE})
	s.add("rsa2048-zip", forbidden, "rsa2048", []byte(must(zipped.CompactSerialize())), "compressed: the length of the envelope would tell of the plaintext")
}
