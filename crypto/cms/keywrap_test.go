package cms

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// TestKeyWrapVectors are those of RFC 3394, section 4.
func TestKeyWrapVectors(t *testing.T) {
	const (
		kek  = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
		data = "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"
	)
	for name, c := range map[string]struct {
		kekSize, dataSize int
		want              string
	}{
		"4.1": {16, 16, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"},
		"4.2": {24, 16, "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"},
		"4.3": {32, 16, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"},
		"4.4": {24, 24, "031d33264e15d33268f24ec260743edce1c6c7ddee725a936ba814915c6762d2"},
		"4.5": {32, 24, "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1"},
		"4.6": {32, 32, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"},
	} {
		key, text, want := unhex(t, kek)[:c.kekSize], unhex(t, data)[:c.dataSize], unhex(t, c.want)
		if got, err := wrapKey(key, text); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: wrapped it is %x, %v; want %x", name, got, err, want)
		}
		if got, ok := unwrapKey(key, want); !ok || !bytes.Equal(got, text) {
			t.Errorf("%s: unwrapped it is %x, %v; want %x", name, got, ok, text)
		}
		for i := range 8 * len(want) {
			changed := bytes.Clone(want)
			changed[i/8] ^= 1 << (i % 8)
			if got, ok := unwrapKey(key, changed); ok || got != nil {
				t.Errorf("%s: unwrapped with bit %d flipped", name, i)
			}
		}
	}
}

func TestKeyWrapRefuses(t *testing.T) {
	for _, size := range []int{0, 8, 16, 23, 32 + 16, 1000} {
		if key, ok := unwrapKey(contentKey, make([]byte, size)); ok || key != nil {
			t.Errorf("unwrapped %d bytes", size)
		}
	}
	if key, ok := unwrapKey(contentKey[:15], make([]byte, 24)); ok || key != nil {
		t.Error("unwrapped with a key of 15 bytes")
	}
	if _, err := wrapKey(contentKey[:15], contentKey); err == nil {
		t.Error("wrapped with a key of 15 bytes")
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
