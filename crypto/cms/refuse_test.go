package cms

import (
	"bytes"
	"encoding/asn1"
	"slices"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

// refusal is an envelope that a key must not open, and the one class of error.
type refusal struct {
	key      string
	envelope []byte
	class    error
}

func wantRefusals(t *testing.T, table map[string]refusal) {
	t.Helper()
	for name, c := range table {
		t.Run(name, func(t *testing.T) { wantRefused(t, readIdentity(t, c.key), c.envelope, c.class) })
	}
}

// someOID is one that nobody knows.
var someOID = asn1.ObjectIdentifier{1, 2, 3, 4}

func TestRefusesArmor(t *testing.T) {
	armored := string(sealed(t, "value", bare(t, "p256")))
	der := string(written(t, "raw", []byte(armored)))
	lines := strings.SplitAfter(armored, "\n")
	for name, envelope := range map[string]string{
		"empty":             "",
		"text":              "value",
		"label":             strings.ReplaceAll(armored, " CMS-", " CERTIFICATE-"),
		"labels differ":     strings.Replace(armored, " CMS-", " PKCS7-", 1),
		"header":            lines[0] + "Key: value\n\n" + strings.Join(lines[1:], ""),
		"text before":       "value\n" + armored,
		"newline before":    "\n" + armored,
		"text behind":       armored + "value",
		"newline behind":    armored + "\n",
		"twice":             armored + armored,
		"long lines":        lines[0] + lines[1][:64] + strings.Join(lines[2:], ""),
		"short line":        lines[0] + lines[1][:60] + "\n" + lines[1][60:] + strings.Join(lines[2:], ""),
		"empty line":        lines[0] + "\n" + strings.Join(lines[1:], ""),
		"space in a line":   lines[0] + " " + strings.Join(lines[1:], ""),
		"line ends mixed":   strings.Replace(armored, "\n", "\r\n", 1),
		"CR alone":          strings.TrimSuffix(armored, "\n") + "\r",
		"end missing":       strings.Join(lines[:len(lines)-2], ""),
		"nothing in it":     lines[0] + lines[len(lines)-2],
		"text in it":        string(armor([]byte("value"))),
		"armored twice":     string(armor([]byte(armored))),
		"raw, behind space": " " + der,
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, readIdentity(t, "p256"), []byte(envelope), crypto.ErrMalformed)
			for _, form := range Format.Forms {
				out, err := form.Write([]byte(envelope))
				if out != nil {
					t.Errorf("written as %s", form.Name)
				}
				wantClass(t, err, crypto.ErrMalformed)
			}
		})
	}
	for name, envelope := range map[string]string{
		"CRLF":        strings.ReplaceAll(armored, "\n", "\r\n"),
		"older label": strings.ReplaceAll(armored, " CMS-", " PKCS7-"),
		"end cut":     strings.TrimSuffix(armored, "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			wantOpen(t, readIdentity(t, "p256"), []byte(envelope), "value")
			if got := written(t, "armor", []byte(envelope)); string(got) != armored {
				t.Errorf("it is written as\n%s", got)
			}
		})
	}
}

func TestRefusesStructure(t *testing.T) {
	envelope := sealed(t, "value", bare(t, "p256"))
	der := written(t, "raw", envelope)
	parts := must(strict[contentInfo[authEnvelopedData]](der, "")).Content
	two := forge(t, sealed(t, "value", bare(t, "p256"), bare(t, "rsa2048")), func(*forged) {})
	changed := func(change func(*forged)) refusal {
		return refusal{"p256", forge(t, envelope, change), crypto.ErrMalformed}
	}
	is := func(data []byte) refusal { return refusal{"p256", data, crypto.ErrMalformed} }
	wantRefusals(t, map[string]refusal{
		"trailing byte":        is(append(bytes.Clone(der), 0)),
		"trailing newline":     is(append(bytes.Clone(der), '\n')),
		"length not shortest":  is(slices.Concat([]byte{0x30, 0x83, 0}, der[2:])),
		"recipients unordered": is(swapRecipients(t, two)),
		"version 1":            changed(func(f *forged) { f.Version = 1 }),
		"no recipients":        changed(func(f *forged) { f.Recipients = nil }),
		"an unknown recipient": changed(func(f *forged) { f.Recipients = append(f.Recipients, raw([]byte{0xa7, 0})) }),
		"1001 recipients": changed(func(f *forged) {
			f.Recipients = slices.Repeat(f.Recipients, maxKeys+1)
		}),
		"empty attributes":     changed(func(f *forged) { f.Attributes = []attribute{} }),
		"MAC cut":              changed(func(f *forged) { f.MAC = f.MAC[1:] }),
		"no MAC":               changed(func(f *forged) { f.MAC = nil }),
		"signed content":       changed(func(f *forged) { f.Content.Type = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2} }),
		"no GCM parameters":    changed(func(f *forged) { f.Content.Algorithm.Parameters = asn1.RawValue{} }),
		"GCM parameters NULL":  changed(func(f *forged) { f.Content.Algorithm.Parameters = asn1.NullRawValue }),
		"another content type": is(bytes.Replace(der, typePrefixes[0], append(bytes.Clone(typePrefixes[0][:12]), 24), 1)),
		"another name for it":  is(marshal(t, contentInfo[authEnvelopedData]{oidEnvelopedData, parts}, "")),
		"originator info": is(marshal(t, contentInfo[withOriginator]{oidAuthEnvelopedData, withOriginator{
			0, raw([]byte{0xa0, 0}), parts.Recipients, parts.Content, parts.MAC,
		}}, "")),
		"unauthenticated attributes": is(marshal(t, contentInfo[withMore]{oidAuthEnvelopedData, withMore{
			0, parts.Recipients, parts.Content, parts.MAC, raw([]byte{0xa2, 0}),
		}}, "")),
		"more behind the content": is(marshal(t, struct {
			Type    asn1.ObjectIdentifier
			Content authEnvelopedData `asn1:"explicit,tag:0"`
			More    int
		}{oidAuthEnvelopedData, parts, 1}, "")),
	})
}

// withOriginator and withMore are AuthEnvelopedData with the optional fields
// that are not read.
type (
	withOriginator struct {
		Version    int
		Originator asn1.RawValue
		Recipients []asn1.RawValue `asn1:"set"`
		Content    encryptedContentInfo
		MAC        []byte
	}
	withMore struct {
		Version    int
		Recipients []asn1.RawValue `asn1:"set"`
		Content    encryptedContentInfo
		MAC        []byte
		More       asn1.RawValue
	}
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// swapRecipients writes the two RecipientInfos in the other order.
func swapRecipients(t *testing.T, der []byte) []byte {
	t.Helper()
	info := must(strict[contentInfo[authEnvelopedData]](der, ""))
	first, second := info.Content.Recipients[0].FullBytes, info.Content.Recipients[1].FullBytes
	swapped := bytes.Replace(der, slices.Concat(first, second), slices.Concat(second, first), 1)
	if bytes.Equal(swapped, der) {
		t.Fatal("recipients are not where they were looked for")
	}
	return swapped
}
