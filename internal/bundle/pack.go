// Package bundle has the files by which envelopes travel to an agent that no
// network reaches, and its receipts back: a bundle, which the service signs, and
// a file of receipts, which the agent signs.
//
// Both have one form. The first line is a manifest: a JWS of package signed,
// whose header says which of the two it is. Each further line is one item, a
// JSON value. The manifest has their number and the SHA-256 of all that follows
// it, so that the bytes are verified before any of them is parsed, and no item
// can be missing, added or moved. Each item is signed in its own right as well.
package bundle

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sealrelay/sealrelay/crypto/signed"
	"github.com/sealrelay/sealrelay/crypto/statement"
)

const (
	// MaxSize bounds a file, in bytes.
	MaxSize = 256 << 20
	// maxItems bounds the items of a file.
	maxItems = 100_000
	// maxManifest is far more than a manifest has, in bytes.
	maxManifest = 4096
)

// The classes in which a file is refused. Nothing of a refused file is applied.
var (
	// ErrSignature: it is no such file, or not signed by a trusted key.
	ErrSignature = errors.New("file is not validly signed")
	// ErrDamaged: it is not whole, or not what was signed.
	ErrDamaged = errors.New("file is damaged")
	// ErrMismatch: it is validly signed, but for or of somebody else.
	ErrMismatch = errors.New("file does not match")
)

// Manifest is what is said of a file. As JSON its members are iss, aud, dest, iat
// (Unix seconds), count and sha256, in this order.
type Manifest struct {
	// From is who signed and To whom it is for: issuer and agent, or the other
	// way round for receipts.
	From, To string
	// Destination is the agent's whose deliveries these are.
	Destination string
	// MadeAt is in whole seconds.
	MadeAt time.Time
	// Count is the number of items.
	Count  int
	digest string
}

type payload struct {
	From        string `json:"iss"`
	To          string `json:"aud"`
	Destination string `json:"dest"`
	MadeAt      int64  `json:"iat"`
	Count       int    `json:"count"`
	Digest      string `json:"sha256"`
}

func (m Manifest) encode() ([]byte, error) {
	switch {
	case m.From == "" || m.To == "" || m.Destination == "":
		return nil, errors.New("a manifest needs who made it, whom it is for, and the destination")
	case m.MadeAt.Unix() <= 0:
		return nil, errors.New("a manifest needs the time")
	case m.Count < 0 || m.Count > maxItems:
		return nil, fmt.Errorf("it has %d items; at most %d are possible", m.Count, maxItems)
	case !statement.IsDigest(m.digest):
		return nil, errors.New("a manifest needs the digest of what follows")
	}
	return json.Marshal(payload{m.From, m.To, m.Destination, m.MadeAt.Unix(), m.Count, m.digest})
}

func decode(data []byte) (Manifest, error) {
	var p payload
	if err := json.Unmarshal(data, &p); err != nil {
		return Manifest{}, errors.New("its manifest is not the JSON of one")
	}
	m := Manifest{p.From, p.To, p.Destination, time.Unix(p.MadeAt, 0).UTC(), p.Count, p.Digest}
	// Only the one encoding survives the way back.
	encoded, err := m.encode()
	if err != nil {
		return Manifest{}, err
	}
	if !bytes.Equal(encoded, data) {
		return Manifest{}, errors.New("its manifest is not in the one encoding of one")
	}
	return m, nil
}

// pack makes a file of items; m lacks what follows from them.
func pack[T any](key ed25519.PrivateKey, typ string, m Manifest, items []T) ([]byte, error) {
	signer, err := signed.NewSigner(key, typ)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	for _, item := range items {
		if err := encoder.Encode(item); err != nil {
			return nil, err
		}
	}
	m.Count, m.digest = len(items), statement.Digest(body.Bytes())
	manifest, err := m.encode()
	if err != nil {
		return nil, err
	}
	token := signer.Sign(manifest)
	if size := len(token) + 1 + body.Len(); size > MaxSize {
		return nil, fmt.Errorf("the file would have %d bytes; at most %d are possible", size, MaxSize)
	}
	return append([]byte(token+"\n"), body.Bytes()...), nil
}

// verify returns the manifest of a file that one of keys signed as one of that
// type, with ErrDamaged too, and what follows it, which is what was signed.
func verify(data []byte, typ string, keys ...ed25519.PublicKey) (Manifest, []byte, error) {
	end := bytes.IndexByte(data[:min(len(data), maxManifest)], '\n')
	if end < 0 {
		return Manifest{}, nil, fmt.Errorf("%w: it does not begin with a manifest", ErrSignature)
	}
	encoded, err := signed.Verify(string(data[:end]), typ, keys...)
	if err != nil {
		return Manifest{}, nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	m, err := decode(encoded)
	if err != nil {
		return Manifest{}, nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	body := data[end+1:]
	if statement.Digest(body) != m.digest {
		return m, nil, fmt.Errorf("%w: what follows its manifest is not what was signed; copy it again", ErrDamaged)
	}
	return m, body, nil
}

// items reads what follows a manifest, in the one encoding that pack writes.
func items[T any](m Manifest, body []byte) ([]T, error) {
	var all []T
	for line := range bytes.Lines(body) {
		var item T
		if err := json.Unmarshal(line, &item); err != nil {
			return nil, fmt.Errorf("%w: item %d is not the JSON of one", ErrDamaged, len(all)+1)
		}
		var again bytes.Buffer
		if err := json.NewEncoder(&again).Encode(item); err != nil || !bytes.Equal(again.Bytes(), line) {
			return nil, fmt.Errorf("%w: item %d is not in the one encoding of one", ErrDamaged, len(all)+1)
		}
		if all = append(all, item); len(all) > m.Count {
			break
		}
	}
	if len(all) != m.Count {
		return nil, fmt.Errorf("%w: its manifest counts %d items, and there are others", ErrDamaged, m.Count)
	}
	return all, nil
}

// Read reads a file, at most MaxSize of it.
func Read(from io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, MaxSize+1))
	if err == nil && len(data) > MaxSize {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrDamaged, MaxSize)
	}
	return data, err
}
