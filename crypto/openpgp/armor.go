package openpgp

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealrelay/sealrelay/crypto"
)

const (
	armorBegin = "-----BEGIN PGP MESSAGE-----"
	armorEnd   = "-----END PGP MESSAGE-----"
	// maxArmorLine is what RFC 9580, section 6, allows of encoded data.
	maxArmorLine = 76
	whitespace   = " \t\r\n"
)

// isArmored says whether data begins with armor, or with space and armor.
func isArmored(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(data, whitespace), []byte(armorBegin))
}

// writeArmor writes armor, with the checksum unless the data packet is of
// version 2, which must not have it (RFC 9580, section 6.1). Without it gpg 2.2
// takes the last line for more data if that needs no padding.
func writeArmor(raw []byte, version2 bool) ([]byte, error) {
	var text bytes.Buffer
	w, err := armor.EncodeWithChecksumOption(&text, pgp.MessageType, nil, !version2)
	if err != nil {
		return nil, fmt.Errorf("write armor: %w", err)
	}
	if _, err := w.Write(raw); err != nil {
		return nil, fmt.Errorf("write armor: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write armor: %w", err)
	}
	text.WriteByte('\n')
	return text.Bytes(), nil
}

// readArmor returns what is in the armor, or data itself if there is none. The
// library's reader passes over what is before and behind the armor, over lines
// of any length and over a wrong checksum. Here there is nothing around it but
// space, its lines are full, and a checksum is right or missing. RFC 9580,
// section 6.1, would have a wrong one pass: whoever transports armor may drop
// it, but no one writes a wrong one unless the text was damaged.
func readArmor(data []byte) ([]byte, error) {
	if !isArmored(data) {
		return data, nil
	}
	lines := bytes.Split(bytes.Trim(data, whitespace), []byte("\n"))
	for i, line := range lines {
		lines[i] = bytes.TrimRight(line, whitespace)
	}
	last := len(lines) - 1
	if string(lines[0]) != armorBegin || string(lines[last]) != armorEnd {
		return nil, fmt.Errorf("%w: armor is cut off or has text around it", crypto.ErrMalformed)
	}
	lines = lines[1:last]
	for len(lines) > 0 && len(lines[0]) > 0 {
		if !bytes.Contains(lines[0], []byte(": ")) {
			return nil, fmt.Errorf("%w: armor has no empty line before its data", crypto.ErrMalformed)
		}
		lines = lines[1:]
	}
	if len(lines) < 2 {
		return nil, fmt.Errorf("%w: armor is empty", crypto.ErrMalformed)
	}
	lines = lines[1:]
	checksum := lines[len(lines)-1]
	if hasChecksum := len(checksum) == 5 && checksum[0] == '='; hasChecksum {
		lines = lines[:len(lines)-1]
	} else {
		checksum = nil
	}
	raw, ok := decodeLines(lines)
	if !ok {
		return nil, fmt.Errorf("%w: data in armor is not strict base64", crypto.ErrMalformed)
	}
	if checksum != nil && string(checksum[1:]) != base64.StdEncoding.EncodeToString(crc24(raw)) {
		return nil, fmt.Errorf("%w: armor has a wrong checksum", crypto.ErrDamaged)
	}
	return raw, nil
}

// decodeLines decodes base64 in lines that are all full but the last.
func decodeLines(lines [][]byte) ([]byte, bool) {
	for i, line := range lines {
		full := len(line) == len(lines[0]) || i == len(lines)-1 && len(line) < len(lines[0])
		if !full || len(line) == 0 || len(line) > maxArmorLine || bytes.ContainsRune(line, '\r') {
			return nil, false
		}
	}
	raw, err := base64.StdEncoding.Strict().AppendDecode(nil, bytes.Join(lines, nil))
	return raw, err == nil
}

// crc24 is the checksum of RFC 9580, section 6.1.1.
func crc24(data []byte) []byte {
	crc := uint32(0xb704ce)
	for _, b := range data {
		crc ^= uint32(b) << 16
		for range 8 {
			crc <<= 1
			if crc&0x1000000 != 0 {
				crc ^= 0x1864cfb
			}
		}
	}
	return []byte{byte(crc >> 16), byte(crc >> 8), byte(crc)}
}
