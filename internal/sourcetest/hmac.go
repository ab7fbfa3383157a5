package sourcetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"strconv"
	"strings"
	"time"
)

var hashes = map[string]func() hash.Hash{"": sha256.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}

// encodings write a MAC.
var encodings = map[string]func([]byte) string{
	"": hexadecimal, "hex": hexadecimal,
	"base64": base64.StdEncoding.EncodeToString, "base64url": base64.URLEncoding.EncodeToString,
}

func hexadecimal(mac []byte) string { return hex.EncodeToString(mac) }

// clocks write a time.
var clocks = map[string]func(time.Time) string{
	"":        func(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) },
	"s":       func(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) },
	"ms":      func(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) },
	"rfc3339": func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
}

// mac is the HMAC (RFC 2104) of the parts, one after the other.
func (s *Signer) mac(m message, algorithm string, parts ...[]byte) ([]byte, error) {
	newHash := hashes[algorithm]
	if newHash == nil {
		return nil, errors.New("the verifier's algorithm is not known")
	}
	var sum []byte
	err := s.expose(m, func(secret []byte) {
		h := hmac.New(newHash, secret)
		for _, part := range parts {
			h.Write(part)
		}
		sum = h.Sum(nil)
	})
	return sum, err
}

// hmac signs as the settings of the verifier "hmac" say.
func (s *Signer) hmac(m message) error {
	clock, encode := clocks[s.TimestampFormat], encodings[s.Encoding]
	if clock == nil || encode == nil {
		return errors.New("the verifier's encoding or timestamp_format is not known")
	}
	if s.TimestampHeader != "" {
		m.Header.Set(s.TimestampHeader, clock(m.at))
	}
	signed := s.Signed
	if len(signed) == 0 {
		signed = []string{"body"}
	}
	var parts [][]byte
	for _, part := range signed {
		parts = append(parts, s.part(m, part))
	}
	mac, err := s.mac(m, s.Algorithm, parts...)
	if err != nil {
		return err
	}
	m.Header.Set(s.Header, s.Prefix+encode(mac))
	return nil
}

// part is one of the parts that the setting signed names.
func (s *Signer) part(m message, part string) []byte {
	switch kind, argument, _ := strings.Cut(part, ":"); kind {
	case "body":
		return m.content()
	case "timestamp":
		return []byte(m.Header.Get(s.TimestampHeader))
	case "method":
		return []byte(m.Method)
	case "path":
		return []byte(m.URL.EscapedPath())
	case "target":
		return []byte(m.URL.RequestURI())
	case "header":
		return []byte(m.Header.Get(argument))
	default:
		return []byte(argument)
	}
}
