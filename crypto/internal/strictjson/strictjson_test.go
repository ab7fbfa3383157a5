package strictjson

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

func parse(t testing.TB, text string) Object {
	t.Helper()
	object, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func TestParse(t *testing.T) {
	for text, good := range map[string]bool{
		`{}`:                                  true,
		" \t\r\n{ \"a\" : 1 }\n":              true,
		`{"a":1,"A":2}`:                       true,
		`{"a":{"b":1},"b":[1,2]}`:             true,
		`{"ä":"𝄞"}`:                           true,
		``:                                    false,
		`null`:                                false,
		`[]`:                                  false,
		`"text"`:                              false,
		`1`:                                   false,
		`{`:                                   false,
		`{}{}`:                                false,
		`{} x`:                                false,
		`{"a":1,}`:                            false,
		`{"a":1,"a":2}`:                       false,
		`{"a":1,"\u0061":2}`:                  false,
		`{'a':1}`:                             false,
		`{a:1}`:                               false,
		`{"a":01}`:                            false,
		`{"a":"` + "\x00" + `"}`:              false,
		`{"a":"` + "\xff" + `"}`:              false,
		"\xef\xbb\xbf{}":                      false,
		`{"a":1}` + "\x00":                    false,
		strings.Repeat("[", 20_000):           false,
		`{"a":` + strings.Repeat("[", 20_000): false,
	} {
		object, err := Parse([]byte(text))
		if good != (err == nil) || good != (object != nil) {
			t.Errorf("%.40q: %v, %v", text, object, err)
		}
		if err != nil && !errors.Is(err, ErrObject) {
			t.Errorf("%.40q: error %v", text, err)
		}
	}
}

// want checks a value and the one error that reading it gives.
func want[T any](t *testing.T, name string, got T, err error, equal bool, wanted error) {
	t.Helper()
	if !errors.Is(err, wanted) || err == nil && !equal {
		t.Errorf("%s: got %v, %v; want error %v", name, got, err, wanted)
	}
}

func TestString(t *testing.T) {
	object := parse(t, `{"a":"text","escaped":"\u0061\n","empty":"","null":null,"number":1,"list":["a"]}`)
	for name, c := range map[string]struct {
		text string
		err  error
	}{
		"a": {"text", nil}, "escaped": {"a\n", nil},
		"empty": {"", ErrMissing}, "missing": {"", ErrMissing},
		"null": {"", ErrString}, "number": {"", ErrString}, "list": {"", ErrString},
	} {
		got, err := object.String(name)
		want(t, name, got, err, got == c.text, c.err)
	}
}

func TestStrings(t *testing.T) {
	object := parse(t, `{"a":["x","y"],"none":[],"twice":["x","x"],"null":null,"null in it":[null],"number":["x",1],"text":"x"}`)
	for name, c := range map[string]struct {
		texts []string
		err   error
	}{
		"a": {[]string{"x", "y"}, nil}, "none": {nil, nil},
		"twice": {nil, ErrString}, "null in it": {nil, ErrString},
		"null": {nil, ErrArray}, "number": {nil, ErrArray}, "text": {nil, ErrArray}, "missing": {nil, ErrArray},
	} {
		got, err := object.Strings(name)
		want(t, name, got, err, slices.Equal(got, c.texts), c.err)
	}
}

func TestArray(t *testing.T) {
	object := parse(t, `{"a":[{"x":1},{}],"none":[],"null":null,"null in it":[null],"twice":[{"x":1,"x":2}],"mixed":[{},1],"object":{},"text":"x"}`)
	for name, c := range map[string]struct {
		size int
		err  error
	}{
		"a": {2, nil}, "none": {0, nil}, "null in it": {0, ErrObject}, "twice": {0, ErrObject}, "mixed": {0, ErrObject},
		"null": {0, ErrArray}, "object": {0, ErrArray}, "text": {0, ErrArray}, "missing": {0, ErrArray},
	} {
		got, err := object.Array(name)
		want(t, name, got, err, len(got) == c.size, c.err)
	}
}

func TestBytes(t *testing.T) {
	object := parse(t, `{"a":"AQID","empty":"","padded":"AQ==","stray":"AR","alphabet":"+/+/","escape":"\u0041QID","line":"AQ\nID","number":1,"null":null}`)
	for name, c := range map[string]struct {
		data []byte
		err  error
	}{
		"a": {[]byte{1, 2, 3}, nil}, "empty": {nil, ErrMissing}, "missing": {nil, ErrMissing},
		"number": {nil, ErrString}, "null": {nil, ErrString},
		"padded": {nil, ErrBase64}, "stray": {nil, ErrBase64}, "alphabet": {nil, ErrBase64}, "escape": {nil, ErrBase64}, "line": {nil, ErrBase64},
	} {
		got, err := object.Bytes(name)
		want(t, name, got, err, bytes.Equal(got, c.data), c.err)
	}
	if text, err := object.Base64("empty"); err != nil || len(text) != 0 {
		t.Errorf("empty: %q, %v", text, err)
	}
}

func TestDecode(t *testing.T) {
	for text, good := range map[string]bool{
		"": true, "AA": true, "AAA": true, "_-_-": true,
		"A": false, "AB": false, "AA=": false, "AA==": false, "A A": false, "AA\n": false, "\rAA": false, "+/+/": false,
	} {
		data, err := Decode([]byte(text))
		if good != (err == nil) {
			t.Errorf("%q: %x, %v", text, data, err)
		}
		if err != nil && (data != nil || !errors.Is(err, ErrBase64)) {
			t.Errorf("%q: %x, error %v", text, data, err)
		}
	}
}

func TestOnly(t *testing.T) {
	object := parse(t, `{"a":1,"b":2}`)
	if !object.Only("a", "b", "c") || object.Only("a", "c") || !parse(t, "{}").Only() {
		t.Error("Only counts wrongly")
	}
}

func TestWipe(t *testing.T) {
	object := parse(t, `{"d":"secret"}`)
	raw := object["d"]
	object.Wipe()
	if !bytes.Equal(raw, make([]byte, len(raw))) {
		t.Errorf("left is %q", raw)
	}
}

// FuzzParse: what is read is what the standard library reads, no member twice;
// and base64url is written with the same bytes again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":"AQID","b":["x"],"c":[{}],"d":{"e":null}}`, `{"a":1,"a":2}`, `{"a":"\u0041"}`, " {\"a\" : 1e3}\n", `[]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		object, err := Parse(data)
		if err != nil {
			if object != nil || !errors.Is(err, ErrObject) {
				t.Fatalf("%v, %v", object, err)
			}
			return
		}
		var other map[string]json.RawMessage
		if err := json.Unmarshal(data, &other); err != nil || len(other) != len(object) {
			t.Fatalf("%d members, the standard library has %d, %v", len(object), len(other), err)
		}
		for name, raw := range object {
			if !bytes.Equal(raw, other[name]) {
				t.Fatalf("member %q is %q, the standard library has %q", name, raw, other[name])
			}
			checkMember(t, object, name)
		}
	})
}

func checkMember(t *testing.T, object Object, name string) {
	if data, err := object.Bytes(name); err == nil {
		if again := `"` + base64.RawURLEncoding.EncodeToString(data) + `"`; again != string(object[name]) {
			t.Fatalf("%s is written again %s", object[name], again)
		}
	} else if data != nil {
		t.Fatalf("%x and error %v", data, err)
	}
	if objects, err := object.Array(name); err != nil && objects != nil {
		t.Fatalf("%d objects and error %v", len(objects), err)
	}
}
