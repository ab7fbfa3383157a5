package cbc

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"testing"
)

// TestVector is that of NIST SP 800-38A, section F.2.5, without its padding,
// which makes a block more.
func TestVector(t *testing.T) {
	key := unhex(t, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
	iv := unhex(t, "000102030405060708090a0b0c0d0e0f")
	text := unhex(t, "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
	want := unhex(t, "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d")
	got, err := Encrypt(key, iv, text)
	if err != nil || !bytes.HasPrefix(got, want) || len(got) != len(want)+aes.BlockSize {
		t.Fatalf("encrypted it is %x, %v; want %x", got, err, want)
	}
	if back, padded, err := Decrypt(key, iv, got); err != nil || !padded || !bytes.Equal(back, text) {
		t.Errorf("decrypted it is %x, %v, %v", back, padded, err)
	}
	if _, padded, err := Decrypt(key, iv, want); err != nil || padded {
		t.Errorf("without padding: %v, %v", padded, err)
	}
	if _, err := Encrypt(key[:15], iv, text); err == nil {
		t.Error("encrypted with a key of 15 bytes")
	}
	if _, _, err := Decrypt(key[:15], iv, want); err == nil {
		t.Error("decrypted with a key of 15 bytes")
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

func TestUnpad(t *testing.T) {
	for last := range 256 {
		for wrong := -1; wrong < aes.BlockSize-1; wrong++ {
			block := bytes.Repeat([]byte{byte(last)}, aes.BlockSize)
			if wrong >= 0 {
				block[wrong] ^= 0x10
			}
			inPadding := wrong >= 0 && wrong >= aes.BlockSize-last
			want := last >= 1 && last <= aes.BlockSize && !inPadding
			n, padded := Unpad(block)
			if padded != want || padded && n != aes.BlockSize-last {
				t.Fatalf("padding %d with byte %d wrong: %d, %v; want %v", last, wrong, n, padded, want)
			}
		}
	}
}
