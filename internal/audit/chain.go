package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// label separates these hashes from every other use of SHA-256 and names the
// version of the row format. Its length is fixed, as are those of the sequence
// number and the hash before, so that no two rows have the same hash input.
const label = "sealrelay audit v1\n"

// Encode returns the JSON of entry as it is stored and hashed. It fails only
// for a time that JSON cannot tell (a year beyond 9999).
func Encode(entry Entry) ([]byte, error) {
	encoded, err := json.Marshal(entry)
	if err != nil {
		return nil, fmt.Errorf("encode audit entry: %w", err)
	}
	return encoded, nil
}

// Append returns the row that follows prev and says entry. The zero Row is
// what the first row follows.
func Append(prev Row, entry Entry) (Row, error) {
	encoded, err := Encode(entry)
	if err != nil {
		return Row{}, err
	}
	return Link(prev, encoded), nil
}

// Link is Append for an entry that Encode has encoded before. The row keeps
// encoded.
func Link(prev Row, encoded []byte) Row {
	seq := prev.Seq + 1
	return Row{Seq: seq, Entry: encoded, Hash: hash(seq, prev.Hash, encoded)}
}

// hash is SHA-256 (FIPS 180-4) over label, seq as 8 bytes big-endian, the hash
// of the row before, and the entry.
func hash(seq int64, prev [sha256.Size]byte, entry []byte) [sha256.Size]byte {
	input := make([]byte, 0, len(label)+8+len(prev)+len(entry))
	input = append(input, label...)
	input = binary.BigEndian.AppendUint64(input, uint64(seq))
	input = append(input, prev[:]...)
	input = append(input, entry...)
	return sha256.Sum256(input)
}

// Problem is what is wrong with a row.
type Problem string

// The problems.
const (
	// Gap: the row's Seq is not the one after the row before, so rows were
	// removed, inserted or reordered.
	Gap Problem = "it does not follow the row before it"
	// Mismatch: the row's Hash is not that of its content and the row before.
	Mismatch Problem = "its hash does not match"
)

// BrokenError names the first row at which a chain does not hold.
type BrokenError struct {
	// Seq is that of the row as it was read, Want the one that had to come.
	Seq, Want int64
	Problem   Problem
}

// Error implements error.
func (e *BrokenError) Error() string {
	if e.Problem == Gap {
		return fmt.Sprintf("audit chain is broken at row %d: %s, row %d had to come", e.Seq, e.Problem, e.Want)
	}
	return fmt.Sprintf("audit chain is broken at row %d: %s", e.Seq, e.Problem)
}

// Chain verifies rows one after the other, from the first on. Its zero value
// is ready for use; it is not safe for concurrent use. What a chain alone
// cannot tell is whether rows are missing at its end: compare Head with one
// noted elsewhere.
type Chain struct {
	head Row
}

// Next verifies that row follows the rows given before. It returns a
// *BrokenError if it does not, and the chain then stays where it was.
func (c *Chain) Next(row Row) error {
	want := c.head.Seq + 1
	if row.Seq != want {
		return &BrokenError{Seq: row.Seq, Want: want, Problem: Gap}
	}
	if row.Hash != hash(row.Seq, c.head.Hash, row.Entry) {
		return &BrokenError{Seq: row.Seq, Want: want, Problem: Mismatch}
	}
	c.head = row
	return nil
}

// Head returns the last row that held, the zero Row if there was none.
func (c *Chain) Head() Row { return c.head }
