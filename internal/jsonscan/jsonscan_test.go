package jsonscan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, doc, reason string }{
		{"nothing", "", "a value should begin here"},
		{"space only", " \n", "a value should begin here"},
		{"NUL", "\x00", "a value should begin here"},
		{"byte order mark", "\ufeff{}", "a value should begin here"},
		{"single quotes", `{'a':1}`, "a member name in double quotes should be here"},
		{"comment", `{}//`, "data after the document"},
		{"two documents", `{} {}`, "data after the document"},
		{"NUL behind", "{}\x00", "data after the document"},
		{"trailing comma", `{"a":1,}`, "a member name in double quotes should be here"},
		{"trailing comma in array", `[1,]`, "a value should begin here"},
		{"no comma", `[1 2]`, "a comma or a closing bracket should be here"},
		{"no comma in object", `{"a":1 "b":2}`, "a comma or a closing brace should be here"},
		{"no colon", `{"a" 1}`, "a colon should be here"},
		{"no value", `{"a":}`, "a value should begin here"},
		{"wrong closer", `{"a":1]`, "a comma or a closing brace should be here"},
		{"capital literal", `True`, "a value should begin here"},
		{"cut literal", `nul`, "a value should begin here"},
		{"long literal", `nullx`, "data after the document"},
		{"leading zero", `01`, "data after the document"},
		{"plus", `+1`, "a value should begin here"},
		{"minus alone", `-`, "a digit should be here"},
		{"no fraction", `1.`, "a digit should be here"},
		{"no exponent", `1e+`, "a digit should be here"},
		{"hexadecimal", `0x1`, "data after the document"},
		{"open string", `"abc`, "a string has no closing quote"},
		{"open escape", `"abc\`, "not a valid escape sequence"},
		{"raw newline", "\"a\nb\"", "a control character is in a string; escape it"},
		{"raw NUL", "\"\x00\"", "a control character is in a string; escape it"},
		{"unknown escape", `"\x41"`, "not a valid escape sequence"},
		{"cut unicode escape", `"\u12"`, "not a valid escape sequence"},
		{"bad unicode escape", `"\u12g4"`, "not a valid escape sequence"},
		{"lone high surrogate", `"\ud83d"`, "not a valid escape sequence"},
		{"lone low surrogate", `"\ude00"`, "not a valid escape sequence"},
		{"high surrogate twice", `"\ud83d\ud83d"`, "not a valid escape sequence"},
		{"invalid UTF-8", "\"\xff\"", "not valid UTF-8"},
		{"overlong UTF-8", "\"\xc0\x80\"", "not valid UTF-8"},
		{"surrogate in UTF-8", "\"\xed\xa0\x80\"", "not valid UTF-8"},
		{"same name twice", `{"a":1,"b":2,"a":3}`, "the object has this member name twice"},
		{"same name escaped", `{"a":1,"\u0061":3}`, "the object has this member name twice"},
		{"same name inside", `[{"x":{"a":1,"a":1}}]`, "the object has this member name twice"},
		{"deep arrays", nested("[", "]", jsonscan.MaxDepth+1), "nested too deeply"},
		{"deep objects", nested(`{"a":`, "}", jsonscan.MaxDepth+1), "nested too deeply"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := jsonscan.Parse([]byte(test.doc))
			var syntax *jsonscan.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("error is %v, want a *SyntaxError", err)
			}
			if syntax.Reason != test.reason {
				t.Errorf("reason is %q, want %q", syntax.Reason, test.reason)
			}
			if syntax.Offset < 0 || syntax.Offset > len(test.doc) {
				t.Errorf("offset %d is outside the document", syntax.Offset)
			}
		})
	}
}

func nested(open, closing string, depth int) string {
	return strings.Repeat(open, depth) + "1" + strings.Repeat(closing, depth)
}

func TestParseAccepts(t *testing.T) {
	for _, doc := range []string{
		`{}`, `[]`, " {\t}\r\n", `""`, `0`, `-0`, `-0.0e-0`, `1E+9`, `12.5`, `true`, `false`, `null`,
		`{"":{"":[]}}`, `["\ud83d\ude00", "\u0000", "\/"]`, `[{"a":1},{"a":1}]`, "\"\u2028\x7f\"",
		nested("[", "]", jsonscan.MaxDepth), nested(`{"a": `, "} ", jsonscan.MaxDepth),
	} {
		if _, err := jsonscan.Parse([]byte(doc)); err != nil {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

// pointed is the example document of RFC 6901, section 5, and an array within
// an array.
const pointed = `{
  "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
  "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8, "deep": [[], [1, {"x": null}]], "01": true
}`

func TestAt(t *testing.T) {
	tests := []struct {
		pointer string
		kind    jsonscan.Kind
		text    string
	}{
		{"/foo/0", jsonscan.String, "bar"},
		{"/foo/1", jsonscan.String, "baz"},
		{"/", jsonscan.Number, "0"},
		{"/a~1b", jsonscan.Number, "1"},
		{"/c%d", jsonscan.Number, "2"},
		{"/e^f", jsonscan.Number, "3"},
		{"/g|h", jsonscan.Number, "4"},
		{`/i\j`, jsonscan.Number, "5"},
		{`/k"l`, jsonscan.Number, "6"},
		{"/ ", jsonscan.Number, "7"},
		{"/m~0n", jsonscan.Number, "8"},
		{"/deep/0", jsonscan.Array, "[]"},
		{"/deep/1", jsonscan.Array, `[1, {"x": null}]`},
		{"/deep/1/1/x", jsonscan.Null, "null"},
		{"/01", jsonscan.Bool, "true"},
		{"/foo/2", jsonscan.Missing, ""},
		{"/foo/-", jsonscan.Missing, ""},
		{"/foo/-1", jsonscan.Missing, ""},
		{"/foo/00", jsonscan.Missing, ""},
		{"/foo/+1", jsonscan.Missing, ""},
		{"/foo/0/x", jsonscan.Missing, ""},
		{"/no/where", jsonscan.Missing, ""},
	}
	root, err := jsonscan.Parse([]byte(pointed))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		pointer, err := jsonscan.ParsePointer(test.pointer)
		if err != nil {
			t.Errorf("%s: %v", test.pointer, err)
			continue
		}
		got := root.At(pointer)
		if got.Kind() != test.kind || got.Text() != test.text {
			t.Errorf("%s is %s %q, want %s %q", test.pointer, got.Kind(), got.Text(), test.kind, test.text)
		}
	}
	if whole := root.At(jsonscan.Pointer{}); whole.Text() != pointed {
		t.Error("the empty pointer is not the whole document")
	}
}

func TestParsePointer(t *testing.T) {
	got, err := jsonscan.ParsePointer("/a~01b/~1~0//x")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(jsonscan.Pointer{"a~1b", "/~", "", "x"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, bad := range []string{"a", "#/a", "/~", "/~2", "/a~", "/\xff"} {
		if _, err := jsonscan.ParsePointer(bad); err == nil {
			t.Errorf("pointer %q is accepted", bad)
		}
	}
}

func TestStringsDecodeInPlace(t *testing.T) {
	root, err := jsonscan.Parse([]byte(`"a\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00é€😀"`))
	if err != nil {
		t.Fatal(err)
	}
	const want = "a\"\\/\b\f\n\r\té€😀é€😀"
	if got := root.Text(); got != want {
		t.Errorf("text is %q, want %q", got, want)
	}
	secret := root.Secret()
	defer secret.Wipe()
	err = secret.Expose(func(b []byte) error {
		if string(b) != want {
			return errors.New("secret is not the text")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestErrorRepeatsNothing(t *testing.T) {
	_, err := jsonscan.Parse([]byte(`{"password": "hunter2` + "\x01" + `"}`))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error is %v", err)
	}
}

func TestQuote(t *testing.T) {
	all := make([]byte, 0, 512)
	for c := range rune(256) {
		all = utf8.AppendRune(all, c)
	}
	size := jsonscan.QuotedLen(all)
	room := make([]byte, 0, size)
	quoted := jsonscan.AppendQuoted(room, all)
	if len(quoted) != size || &quoted[0] != &room[:1][0] {
		t.Errorf("quoted text has %d bytes, QuotedLen says %d", len(quoted), size)
	}
	var back string
	if err := json.Unmarshal(quoted, &back); err != nil || back != string(all) {
		t.Errorf("quoted text reads as %q: %v", back, err)
	}
	// The example of RFC 8785, section 3.2.2.2, in its JSON form.
	const example = "€$\x0f\nA'B\"\\\\\"/"
	if got, want := string(jsonscan.AppendQuoted(nil, []byte(example))), `"€$\u000f\nA'B\"\\\\\"/"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzParse holds the scanner against encoding/json: what it accepts,
// encoding/json accepts and reads the same values; what it refuses,
// encoding/json refuses, or one of the stricter rules does.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		pointed, `{"a":1,"a":2}`, `[1,[2,[3]]]`, `"\ud83d\ude00"`, `"\ud800"`, "\"\xff\"", `-0.5e+10`, `{"a":{"b":[true,false,null,"x\ty"]}}`,
		nested("[", "]", jsonscan.MaxDepth+1), " { \"k\\u0041\" : \"v\" } ", `{"a":1}x`, `"\u12`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		before := bytes.Clone(doc)
		root, err := jsonscan.Parse(doc)
		if !bytes.Equal(before, doc) {
			t.Fatal("the document was changed")
		}
		if err != nil {
			var syntax *jsonscan.SyntaxError
			if !errors.As(err, &syntax) || root.Kind() != jsonscan.Missing {
				t.Fatalf("refused with %v and a value of kind %s", err, root.Kind())
			}
			if json.Valid(doc) && !stricter(syntax.Reason) {
				t.Fatalf("encoding/json accepts what is refused here: %v", err)
			}
			return
		}
		decoder := json.NewDecoder(bytes.NewReader(doc))
		decoder.UseNumber()
		var want any
		if err := decoder.Decode(&want); err != nil {
			t.Fatalf("encoding/json refuses what is accepted here: %v", err)
		}
		if diff := cmp.Diff(want, tree(t, root, root, "")); diff != "" {
			t.Fatalf("-encoding/json +jsonscan:\n%s", diff)
		}
	})
}

// FuzzPointer: a pointer has one text, so its tokens escaped again give it back.
func FuzzPointer(f *testing.F) {
	for _, seed := range []string{"", "/", "/a/b", "/a~01b/~1~0//x", "/~", "a", "/\xff", "/0/-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pointer, err := jsonscan.ParsePointer(text)
		if err != nil {
			if pointer != nil {
				t.Fatalf("%q is refused with tokens", text)
			}
			return
		}
		var again strings.Builder
		for _, token := range pointer {
			again.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(token))
		}
		if again.String() != text {
			t.Fatalf("%q reads as %q", text, again.String())
		}
	})
}

func stricter(reason string) bool {
	switch reason {
	case "the object has this member name twice", "nested too deeply", "not valid UTF-8", "not a valid escape sequence":
		return true
	}
	return false
}

// tree reads v as encoding/json would, and checks that v's pointer leads to it.
func tree(t *testing.T, root, v jsonscan.Value, path string) any {
	pointer, err := jsonscan.ParsePointer(path)
	if err != nil {
		t.Fatal(err)
	}
	if found := root.At(pointer).Raw(); len(found) == 0 || &found[0] != &v.Raw()[0] {
		t.Fatalf("pointer %q leads elsewhere", path)
	}
	switch v.Kind() {
	case jsonscan.Object:
		members := map[string]any{}
		for name, member := range v.Members() {
			token := strings.NewReplacer("~", "~0", "/", "~1").Replace(name.Text())
			members[name.Text()] = tree(t, root, member, path+"/"+token)
		}
		return members
	case jsonscan.Array:
		elements := []any{}
		for element := range v.Elements() {
			elements = append(elements, tree(t, root, element, path+"/"+strconv.Itoa(len(elements))))
		}
		return elements
	case jsonscan.String:
		return v.Text()
	case jsonscan.Number:
		return json.Number(v.Text())
	case jsonscan.Bool:
		return v.Text() == "true"
	default:
		return nil
	}
}

func BenchmarkParse(b *testing.B) {
	for _, members := range []int{4, 4000} {
		var doc bytes.Buffer
		doc.WriteString(`{"data":{"password":"correct horse battery staple"}`)
		for i := range members {
			fmt.Fprintf(&doc, `,"member%d":{"a":[1,2,3],"text":"a value with an escape \n in it"}`, i)
		}
		doc.WriteString("}")
		pointer, err := jsonscan.ParsePointer("/data/password")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("jsonscan/%dB", doc.Len()), func(b *testing.B) {
			b.SetBytes(int64(doc.Len()))
			for b.Loop() {
				root, err := jsonscan.Parse(doc.Bytes())
				if err != nil {
					b.Fatal(err)
				}
				root.At(pointer).Secret().Wipe()
			}
		})
		b.Run(fmt.Sprintf("encoding-json/%dB", doc.Len()), func(b *testing.B) {
			b.SetBytes(int64(doc.Len()))
			for b.Loop() {
				var into any
				if err := json.Unmarshal(doc.Bytes(), &into); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
