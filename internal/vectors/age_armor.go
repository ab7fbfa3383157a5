package main

import (
	"strings"
)

func ageArmored(s *set) {
	f := ageTo(fill(20), "age-x25519")
	for len(f.bytes())%3 != 1 { // So that the armor ends in "==".
		f.seal(append(fill(20), make([]byte, len(f.chunks[0])-35)...))
	}
	plaintext := append(fill(20), make([]byte, len(f.chunks[0])-36)...)
	armor := ageArmor(f.bytes())
	opens := func(id, envelope, comment string) {
		s.good("armor-"+id, "age-x25519", []byte(envelope), plaintext, comment)
	}
	add := func(id, envelope, comment string) {
		s.add("armor-"+id, malformed, "age-x25519", []byte(envelope), comment)
	}
	lines := strings.SplitAfter(armor, "\n")
	opens("crlf", strings.ReplaceAll(armor, "\n", "\r\n"), "lines that end in CRLF")
	opens("no-last-newline", strings.TrimSuffix(armor, "\n"), "no line break behind the last line")
	opens("space-behind", armor+" \n\t\r\n", "white space behind the armor, which its specification lets pass")
	opens("space-before", "\n \n"+armor, "white space before the armor, which its specification lets pass")
	add("label-lower", strings.ReplaceAll(armor, "AGE ENCRYPTED FILE", "age encrypted file"), "the label in lower case")
	add("label-other", strings.ReplaceAll(armor, "AGE ENCRYPTED FILE", "AGE FILE"), "the label of something else")
	add("label-end", strings.Replace(armor, "END AGE ENCRYPTED FILE", "END AGE", 1), "the labels of beginning and end differ")
	add("no-end", strings.Join(lines[:len(lines)-2], ""), "truncated before the last line")
	add("cut", strings.Join(lines[:3], ""), "truncated in the middle")
	add("header", strings.Replace(armor, "-----\n", "-----\nComment: x\n\n", 1), "a header, which the armor of age has not")
	add("checksum", strings.Replace(armor, "-----END", "=AAAA\n-----END", 1), "a checksum, as OpenPGP has it")
	add("text-before", "some text\n"+armor, "text before the armor")
	add("text-behind", armor+"some text\n", "text behind the armor")
	add("twice", armor+armor, "two of them")
	add("empty", lines[0]+lines[len(lines)-2], "nothing in the armor")
	add("long-line", lines[0]+strings.ReplaceAll(strings.Join(lines[1:len(lines)-2], ""), "\n", "")+"\n"+lines[len(lines)-2], "one long line; lines have 64 characters")
	add("short-line", strings.Replace(armor, lines[1], lines[1][:60]+"\n"+lines[1][60:], 1), "a line that is not full before the last")
	add("blank-line", strings.Replace(armor, lines[1], lines[1]+"\n", 1), "an empty line")
	add("indented", strings.Replace(armor, lines[1], " "+lines[1], 1), "a space before a line")
	add("space-in-line", strings.Replace(armor, lines[1], lines[1][:10]+" "+lines[1][11:], 1), "a space inside a line")
	add("bad-character", strings.Replace(armor, lines[1], "*"+lines[1][1:], 1), "a character that is no base64")
	at := strings.Index(armor, "==")
	add("no-padding", armor[:at]+armor[at+2:], "base64 without its padding")
	add("stray-bits", armor[:at-2]+strayBits(armor[at-2:]), "the last digit of the base64 has bits that encode nothing")
	damage := ageArmor(cut(f.bytes(), 1))
	s.add("armor-payload-cut", damaged, "age-x25519", []byte(damage), "right armor around a file whose last byte is missing")
}
