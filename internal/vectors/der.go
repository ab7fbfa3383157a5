package main

import (
	"bytes"
	"encoding/asn1"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// tlv is one element of DER: its tag, the shortest length, and what is in it.
func tlv(tag byte, content ...[]byte) []byte {
	body := slices.Concat(content...)
	return slices.Concat([]byte{tag}, derLength(len(body)), body)
}

func derLength(n int) []byte {
	if n < 0x80 {
		return []byte{byte(n)}
	}
	size := big.NewInt(int64(n)).Bytes()
	return append([]byte{0x80 | byte(len(size))}, size...)
}

// longTLV is tlv with a length that is a byte longer than it has to be, which
// BER allows and DER does not.
func longTLV(tag byte, content ...[]byte) []byte {
	body := slices.Concat(content...)
	size := big.NewInt(int64(len(body))).FillBytes(make([]byte, 4))
	return slices.Concat([]byte{tag, 0x84}, size, body)
}

// indefinite is an element of indefinite length, which ends with two zeros.
func indefinite(tag byte, content ...[]byte) []byte {
	return slices.Concat([]byte{tag, 0x80}, slices.Concat(content...), []byte{0, 0})
}

func seq(content ...[]byte) []byte { return tlv(0x30, content...) }

// derSet is a SET OF, whose elements DER sorts.
func derSet(content ...[]byte) []byte {
	sorted := slices.Clone(content)
	slices.SortFunc(sorted, bytes.Compare)
	return tlv(0x31, sorted...)
}

func octets(data []byte) []byte    { return tlv(0x04, data) }
func bitString(data []byte) []byte { return tlv(0x03, []byte{0}, data) }
func derNull() []byte              { return []byte{5, 0} }
func integer(n int) []byte         { return must(asn1.Marshal(n)) }

func oid(dotted string) []byte {
	var id asn1.ObjectIdentifier
	for _, arc := range strings.Split(dotted, ".") {
		id = append(id, must(strconv.Atoi(arc)))
	}
	return must(asn1.Marshal(id))
}

// borders are the places in DER where an element or its content begins, those
// inside others too, without the first.
func borders(der []byte) []int {
	var found []int
	var walk func(from, to int)
	walk = func(from, to int) {
		for at := from; at < to; {
			head := 2
			if der[at+1] > 0x80 {
				head += int(der[at+1] & 0x7f)
			}
			size := len(must(asn1Element(der[at:to])))
			found = append(found, at, at+head)
			if der[at]&0x20 != 0 {
				walk(at+head, at+size)
			}
			at += size
		}
	}
	walk(0, len(der))
	slices.Sort(found)
	return slices.Compact(found)[1:]
}

func asn1Element(der []byte) ([]byte, error) {
	var element asn1.RawValue
	_, err := asn1.Unmarshal(der, &element)
	return element.FullBytes, err
}
