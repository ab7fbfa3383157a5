package bundle

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
)

// ReceiptsType is the typ of the header of a file of receipts.
const ReceiptsType = "sealrelay-receipts+jwt"

// Receipt is one receipt, with the statement that it is of: by then the service
// may have replaced it by that of a newer version.
type Receipt struct {
	Statement string `json:"statement"`
	Receipt   string `json:"receipt"`
}

// Receipts is a file of receipts that was verified.
type Receipts struct {
	Manifest
	Receipts []Received
}

// Received is a receipt and what it says.
type Received struct {
	Receipt
	Claims receipt.Claims
}

// PackReceipts makes the agent's file of receipts for what it applied of a
// bundle.
func (b *Bundle) PackReceipts(key ed25519.PrivateKey, at time.Time, receipts []Receipt) ([]byte, error) {
	return pack(key, ReceiptsType, Manifest{From: b.To, To: b.From, Destination: b.Destination, MadeAt: at}, receipts)
}

// OpenReceipts verifies a file of receipts as the service: signed by the key of
// an agent, for this service, whole, and each receipt by the same agent over a
// statement that the service signed for it. Errors are ErrSignature, ErrDamaged
// and ErrMismatch, and those of packages statement and receipt for an item.
func OpenReceipts(data []byte, issuer string, service ed25519.PublicKey, agents map[string][]ed25519.PublicKey) (*Receipts, error) {
	m, body, err := verifyAny(data, agents)
	if err != nil {
		return nil, err
	}
	if m.To != issuer {
		return nil, fmt.Errorf("%w: it is for the service %q, not %q", ErrMismatch, m.To, issuer)
	}
	carried, err := items[Receipt](m, body)
	if err != nil {
		return nil, err
	}
	r := &Receipts{Manifest: m}
	for i, item := range carried {
		claims, err := checkReceipt(item, m, service, agents[m.From])
		if err != nil {
			return nil, fmt.Errorf("item %d of the receipts: %w", i+1, err)
		}
		r.Receipts = append(r.Receipts, Received{item, claims})
	}
	return r, nil
}

// verifyAny verifies a file by the keys of the agent that it says it is of.
func verifyAny(data []byte, agents map[string][]ed25519.PublicKey) (Manifest, []byte, error) {
	for _, name := range slices.Sorted(maps.Keys(agents)) {
		m, body, err := verify(data, ReceiptsType, agents[name]...)
		if !errors.Is(err, ErrSignature) && m.From == name {
			return m, body, err
		}
	}
	return Manifest{}, nil, fmt.Errorf("%w: no agent made it with a key of its signing_key_files", ErrSignature)
}

func checkReceipt(item Receipt, m Manifest, service ed25519.PublicKey, keys []ed25519.PublicKey) (receipt.Claims, error) {
	stated, err := statement.Verify(item.Statement, service)
	if err != nil {
		return receipt.Claims{}, err
	}
	if err := stated.Check(statement.Claims{Issuer: m.To, Agent: m.From}); err != nil {
		return receipt.Claims{}, err
	}
	claims, err := receipt.Verify(item.Receipt, keys...)
	if err != nil {
		return receipt.Claims{}, err
	}
	return claims, claims.Check(stated)
}
