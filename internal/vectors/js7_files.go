package main

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// js7Files are the cases of file mode, whose header is kept beside the file.
func js7Files(s *set) {
	for _, kind := range []string{"rsa2048", "p256", "secp256k1"} {
		file := func(id string, plaintext []byte, comment string) {
			e := js7Seal(kind, 16, plaintext)
			s.good(kind+"-file-"+id, kind, js7File(e.ciphertext), plaintext, comment).Header = e.js7Header()
		}
		file("0", nil, "an empty file is one block of padding")
		file("15", fill(15), "a byte less than a block")
		file("16", fill(16), "one whole block, and one of padding")
		file("binary", binary256(), "each value of a byte once")
		file("4096", fill(4096), "256 blocks, and one of padding")
	}
	for _, kind := range []string{"rsa2048", "p256"} {
		unopened := damaged
		if kind == "rsa2048" {
			unopened = noMatch
		}
		e := js7Seal(kind, 16, fill(100))
		text, header := string(js7File(e.ciphertext)), e.js7Header()
		add := func(id, class, header, text, comment string) {
			s.add(kind+"-file-"+id, class, kind, []byte(text), comment).Header = header
		}
		v := s.good(kind+"-file-header-enc", kind, []byte(text), fill(100), "the header with enc: before it and a file name, with spaces, behind it, as JS7's tool prints it")
		v.Header = "enc:" + header + " some file.enc"
		add("empty", malformed, header, "", "an empty file: not even a block of padding")
		add("newline", malformed, header, text+"\n", "a newline at the end, which the format has not")
		add("cut-char", malformed, header, text[:len(text)-1], "truncated inside a block's base64")
		add("cut-block", unopened, header, text[:len(text)-24], "the last block is missing, the one before it is text: no padding")
		add("not-base64", malformed, header, "!"+text[1:], "a character that is no base64")
		add("line-break", malformed, header, text[:24]+"\n"+text[24:], "a line break between blocks")
		add("one-run", malformed, header, base64Of(e.ciphertext), "the base64 of the whole instead of each block's own")
		add("stray-bits", malformed, header, strayBits(text[:24])+text[24:], "a second encoding of the same block")
		add("block-pad", unopened, header, string(js7File(cbcEncrypt(e.key, e.iv, append(fill(15), 0)))), "one block that ends in zero, which is no padding")
		add("header-one-field", malformed, strings.Split(header, " ")[0], text, "the header lacks the IV")
		add("header-two-spaces", malformed, strings.Replace(header, " ", "  ", 1), text, "two spaces between the fields of the header")
		add("header-iv-8", malformed, base64Of(e.wrapped)+" "+base64Of(e.iv[:8]), text, "an IV of 8 bytes")
		add("header-key-flip", noMatch, base64Of(flip(e.wrapped, -1))+" "+base64Of(e.iv), text, "a bit of the wrapped key flipped, as in a value")
		s.add(kind+"-file-other-key", noMatch, kind+"-other", []byte(text), "sealed for another key").Header = header
	}
}

// js7Foreign takes over what JS7's own tool made.
func js7Foreign(s *set) {
	const other = "../js7/"
	var index struct {
		Vectors []struct {
			ID, Mode, Tool, PrivateKey, PlaintextHexUTF8, Value, Header, PlainFile, EncryptedFile string
			KeyPassword                                                                           *string
		}
		Negative []struct{ Name, PrivateKey, Value string }
	}
	check(json.Unmarshal(must(os.ReadFile(filepath.Join(*folder, other, "index.json"))), &index))
	for _, v := range index.Vectors {
		s.source = v.Tool + " (testdata/js7, " + v.ID + ")"
		key := v.PrivateKey
		if v.KeyPassword != nil { // The same key without a password.
			key = key[:strings.Index(key, ".")] + ".pk8"
		}
		if v.Mode == "string" {
			s.good("tool-"+v.ID, other+key, []byte(v.Value), must(hex.DecodeString(v.PlaintextHexUTF8)), "a value of JS7's own tool")
			continue
		}
		plaintext := must(os.ReadFile(filepath.Join(*folder, other, v.PlainFile)))
		file := s.good("tool-"+v.ID, other+key, nil, plaintext, "a file of JS7's own tool")
		file.Envelope, file.EnvelopeFile, file.Header = nil, other+v.EncryptedFile, v.Header
	}
}
