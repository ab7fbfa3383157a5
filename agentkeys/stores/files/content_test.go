package files

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

const testdata = "../../../crypto/keys/testdata"

func read(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(testdata, name))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func head(data []byte) []byte { return data[:min(len(data), headSize)] }

func TestRecognise(t *testing.T) {
	p12, java := read(t, "modern.p12"), read(t, "java.jks")
	ber := append([]byte{0x30, 0x80, 2, 1, 3, 0x30, 0x80}, oidData...)
	signed := bytes.Replace(p12, oidData, oidSigned, 1)
	for name, c := range map[string]struct {
		data []byte
		want recognised
	}{
		"PKCS#12":                     {p12, recognised{format: pkcs12}},
		"PKCS#12 without MAC":         {read(t, "nomac.p12"), recognised{format: pkcs12}},
		"PKCS#12 of old algorithms":   {read(t, "legacy.p12"), recognised{format: pkcs12}},
		"PKCS#12 in BER":              {append(ber, 0xa0, 0x80), recognised{format: pkcs12, unread: "BER"}},
		"PKCS#12 for a public key":    {signed, recognised{format: pkcs12, unread: "public-key"}},
		"PKCS#12 cut off":             {p12[:len(p12)-1], recognised{format: pkcs12, unread: "damaged"}},
		"PKCS#12 with more behind it": {append(bytes.Clone(p12), 0), recognised{format: pkcs12, unread: "damaged"}},
		"JKS":                         {java, recognised{format: jks, entries: 3}},
		"JCEKS":                       {read(t, "java.jceks"), recognised{format: jceks, entries: 1, unread: "JCEKS"}},
		"JKS of version 3":            {append([]byte{0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 3}, java[8:]...), recognised{}},
		"JKS of a few bytes":          {java[:31], recognised{}},
		"a certificate in DER":        {read(t, "p256.crt.der"), recognised{format: certificate}},
		"PKCS#8 in DER":               {read(t, "p256.pk8.der"), recognised{}},
		"PEM":                         {read(t, "p256.crt.pem"), recognised{format: text}},
		"a Java class":                {[]byte("\xca\xfe\xba\xbe\x00\x00\x00\x34"), recognised{}},
		"a length that is too long":   {[]byte{0x30, 0x81, 3, 2, 1, 3}, recognised{format: text}},
		"an empty file":               {nil, recognised{format: text}},
	} {
		if got := recognise(head(c.data), int64(len(c.data))); got != c.want {
			t.Errorf("%s: %+v, not %+v", name, got, c.want)
		}
	}
	for magic, want := range map[string]format{string(p12[:64]): pkcs12, string(java[:64]): jks} {
		size := int64(maxKeystore + 1)
		if want == pkcs12 {
			// Its length has to be that of the file.
			magic = "0\x83\x40\x00\x01" + magic[4:]
			size = 5 + 0x400001
		}
		if got := recognise([]byte(magic), size); got.format != want || got.unread == "" {
			t.Errorf("a large one: %+v", got)
		}
	}
}

func TestReadPEM(t *testing.T) {
	certificate, key := string(read(t, "p256.crt.pem")), string(read(t, "p256.pem"))
	for name, c := range map[string]struct {
		data string
		want held
	}{
		"a certificate":           {certificate, held{1, 0}},
		"with text around it":     {"Certificate:\n  Data:\n" + certificate + "end\n", held{1, 0}},
		"after a byte order mark": {"\ufeff" + certificate, held{1, 0}},
		"with CRLF":               {strings.ReplaceAll(certificate, "\n", "\r\n"), held{1, 0}},
		"a chain and a key":       {certificate + certificate + key, held{2, 1}},
		"a trusted certificate":   {string(read(t, "p256.trusted.pem")), held{1, 0}},
		"an encrypted key":        {string(read(t, "p256.scrypt.pem")), held{0, 1}},
		"a key of SSH":            {string(read(t, "ssh-ed25519")), held{0, 1}},
		"a public key":            {string(read(t, "p256.spki.pem")), held{}},
		"a key called so":         {strings.ReplaceAll(string(read(t, "p256.spki.pem")), "PUBLIC KEY", "CERTIFICATE"), held{}},
		"an example":              {"-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n", held{}},
		"cut off":                 {certificate[:len(certificate)/2], held{}},
		"none":                    {"hello\n", held{}},
	} {
		if got := readPEM([]byte(c.data)); got != c.want {
			t.Errorf("%s: %+v, not %+v", name, got, c.want)
		}
	}
}

// FuzzContent: what package keys reads as a keystore or certificate is recognised, and a
// file is the same by its head as by the whole of it.
func FuzzContent(f *testing.F) {
	entries, err := os.ReadDir(testdata)
	if err != nil || len(entries) < 50 {
		f.Fatalf("there are %d files, %v", len(entries), err)
	}
	for _, entry := range entries {
		f.Add(read(f, entry.Name()))
	}
	f.Add([]byte("0\x80\x02\x01\x030\x80" + string(oidData) + "\xa0\x80"))
	f.Add([]byte("0\x84\xff\xff\xff\xff\x02\x01\x030\x80"))
	f.Fuzz(func(t *testing.T, data []byte) {
		size := int64(len(data))
		got := recognise(head(data), size)
		if all := recognise(data, size); all != got && all.format != other {
			t.Errorf("by the head %+v, by the whole %+v", got, all)
		}
		found := readPEM(data)
		if found.certificates+found.privateKeys > bytes.Count(data, []byte("-----BEGIN ")) {
			t.Errorf("%+v in %q", found, data)
		}
		if got == (recognised{format: pkcs12}) || len(data) > maxWhole {
			return // To read one takes as much work as it asks for.
		}
		inspected, err := keys.Inspect(data, keys.Options{})
		if err != nil {
			return
		}
		for _, entry := range inspected {
			want := map[string]format{"PKCS#12": pkcs12, "JKS": jks}[entry.Keystore]
			if want != other && (got.format != want || got.unread != "") {
				t.Errorf("an entry of %s is read from what is taken for %+v", entry.Keystore, got)
			}
			if want == other && entry.Public.Container == keys.X509 && found.certificates+readDER(data).certificates == 0 {
				t.Errorf("a certificate is not seen in %q", data)
			}
		}
	})
}
