package jwe

import (
	"bytes"
	"crypto/aes"
	"crypto/ecdh"
	"encoding/hex"
	"testing"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/internal/strictjson"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// TestRFC7518C is the key agreement of RFC 7518, appendix C. What is derived
// there is for another algorithm, which is not opened.
func TestRFC7518C(t *testing.T) {
	const bob = `{"kty":"EC","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ","y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck","d":"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"}`
	const header = `{"alg":"ECDH-ES","enc":"A128GCM","apu":"QWxpY2U","apv":"Qm9i","epk":{"kty":"EC","crv":"P-256","x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0","y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"}}`
	private, err := keys.ParsePrivate([]byte(bob), nil)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := private.(interface {
		ECDH() (*ecdh.PrivateKey, error)
	}).ECDH()
	if err != nil {
		t.Fatal(err)
	}
	object, err := strictjson.Parse([]byte(header))
	if err != nil {
		t.Fatal(err)
	}
	epk, err := strictjson.Parse(object["epk"])
	if err != nil {
		t.Fatal(err)
	}
	z := agree(t, ours, epk)
	if want := "nlbZHYFxNdNyg0KDv4QmnPsxbqPagGpI9tqneYz-kMQ"; b64(z) != want {
		t.Errorf("the shared secret is %s, want %s", b64(z), want)
	}
	if got, want := b64(deriveKey(z, parameters{algorithm: "A128GCM", apu: []byte("Alice"), apv: []byte("Bob")}, 16)), "VqqN6vgjbSBcIijNcacQGg"; got != want {
		t.Errorf("the derived key is %s, want %s", got, want)
	}
	_, err = readParameters(object)
	wantClass(t, err, crypto.ErrForbidden)
}

func agree(t testing.TB, ours *ecdh.PrivateKey, epk strictjson.Object) []byte {
	t.Helper()
	point, err := curves[ours.Curve()].point(epk)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := ours.Curve().NewPublicKey(point)
	if err != nil {
		t.Fatal(err)
	}
	z, err := ours.ECDH(theirs)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestRFC8037A6 is the key agreement of RFC 8037, appendix A.6, whose private
// keys are those of RFC 7748, section 6.1.
func TestRFC8037A6(t *testing.T) {
	bob, err := ecdh.X25519().NewPrivateKey(unhex(t, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := b64(bob.PublicKey().Bytes()), "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"; got != want {
		t.Errorf("the public key is %s, want %s", got, want)
	}
	epk, err := strictjson.Parse([]byte(`{"kty":"OKP","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}`))
	if err != nil {
		t.Fatal(err)
	}
	if z, want := agree(t, bob, epk), unhex(t, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"); !bytes.Equal(z, want) {
		t.Errorf("the shared secret is %x, want %x", z, want)
	}
}

// TestKeyWrap is RFC 3394, section 4.6, in the library that wraps.
func TestKeyWrap(t *testing.T) {
	block, err := aes.NewCipher(unhex(t, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"))
	if err != nil {
		t.Fatal(err)
	}
	key := unhex(t, "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f")
	want := unhex(t, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21")
	if got, err := josecipher.KeyWrap(block, key); err != nil || !bytes.Equal(got, want) {
		t.Errorf("wrapped it is %x, %v; want %x", got, err, want)
	}
	if got, err := josecipher.KeyUnwrap(block, want); err != nil || !bytes.Equal(got, key) {
		t.Errorf("unwrapped it is %x, %v; want %x", got, err, key)
	}
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRFC7516 refuses the examples of RFC 7516, appendix A, for their
// algorithms.
func TestRFC7516(t *testing.T) {
	const (
		a1 = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGeipsEdY3mx_etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_lDp5XnZAYpQdb76FdIKLaVmqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je81860ppamavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi6UklfCpIMfIjf7iGdXKHzg.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A.XFBoMYUZodetZdvTiFvSkQ"
		a2 = "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.UGhIOguC7IuEvf_NPVaXsGMoLOmwvc1GyqlIKOK1nN94nHPoltGRhWhw7Zx0-kFm1NJn8LE9XShH59_i8J0PH5ZZyNfGy2xGdULU7sHNF6Gp2vPLgNZ__deLKxGHZ7PcHALUzoOegEI-8E66jX2E4zyJKx-YxzZIItRzC5hlRirb6Y5Cl_p-ko3YvkkysZIFNPccxRU7qve1WYPxqbb2Yw8kZqa2rMWI5ng8OtvzlV7elprCbuPhcCdZ6XDP0_F8rkXds2vE4X-ncOIM8hAYHHi29NX0mcKiRaD0-D-ljQTP-cFPgwCp6X-nZZd9OHBv-B3oWh2TbqmScqXMR4gp_A.AxY8DCtDaGlsbGljb3RoZQ.KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.9hH0vgRfYgPnAHOd8stkvw"
		a3 = "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ.AxY8DCtDaGlsbGljb3RoZQ.KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.U0m_YmjN04DJvceFICbCVQ"
		a4 = `{"protected":"eyJlbmMiOiJBMTI4Q0JDLUhTMjU2In0","unprotected":{"jku":"https://server.example.com/keys.jwks"},"recipients":[{"header":{"alg":"RSA1_5","kid":"2011-04-29"},"encrypted_key":"UGhIOguC7IuEvf_NPVaXsGMoLOmwvc1GyqlIKOK1nN94nHPoltGRhWhw7Zx0-kFm1NJn8LE9XShH59_i8J0PH5ZZyNfGy2xGdULU7sHNF6Gp2vPLgNZ__deLKxGHZ7PcHALUzoOegEI-8E66jX2E4zyJKx-YxzZIItRzC5hlRirb6Y5Cl_p-ko3YvkkysZIFNPccxRU7qve1WYPxqbb2Yw8kZqa2rMWI5ng8OtvzlV7elprCbuPhcCdZ6XDP0_F8rkXds2vE4X-ncOIM8hAYHHi29NX0mcKiRaD0-D-ljQTP-cFPgwCp6X-nZZd9OHBv-B3oWh2TbqmScqXMR4gp_A"},{"header":{"alg":"A128KW","kid":"7"},"encrypted_key":"6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ"}],"iv":"AxY8DCtDaGlsbGljb3RoZQ","ciphertext":"KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY","tag":"Mz-VPPyU4RlcuYv1IwIvzw"}`
		a5 = `{"protected":"eyJlbmMiOiJBMTI4Q0JDLUhTMjU2In0","unprotected":{"jku":"https://server.example.com/keys.jwks"},"header":{"alg":"A128KW","kid":"7"},"encrypted_key":"6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ","iv":"AxY8DCtDaGlsbGljb3RoZQ","ciphertext":"KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY","tag":"Mz-VPPyU4RlcuYv1IwIvzw"}`
	)
	for name, example := range map[string]string{"A.1": a1, "A.2": a2, "A.3": a3, "A.4": a4, "A.5": a5} {
		t.Run(name, func(t *testing.T) {
			if !Format.Detect([]byte(example)) {
				t.Error("not detected")
			}
			wantRefused(t, readPair(t, "rsa2048").identity, []byte(example), crypto.ErrForbidden)
		})
	}
}
