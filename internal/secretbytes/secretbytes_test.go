package secretbytes_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/rs/zerolog"
	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

const tiger = "tiger"

func bytesOf(t *testing.T, v *secretbytes.Value) string {
	t.Helper()
	var out string
	if err := v.Expose(func(b []byte) error { out = string(b); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRedacted prints a value in every way there is, by itself and inside of
// others.
func TestRedacted(t *testing.T) {
	v := secretbytes.Copy([]byte(tiger))
	inside := struct {
		Name  string
		Value *secretbytes.Value
	}{"x", v}
	printed := map[string]string{"String": v.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %[1]v"} {
		printed[verb] = fmt.Sprintf(verb, v)
	}
	asJSON, err := json.Marshal(inside)
	if err != nil {
		t.Fatal(err)
	}
	printed["JSON"] = string(asJSON)
	asYAML, err := yaml.Dump(inside)
	if err != nil {
		t.Fatal(err)
	}
	printed["YAML"] = string(asYAML)
	var log bytes.Buffer
	logger := zerolog.New(&log)
	logger.Info().Interface("i", inside).Stringer("s", v).Any("a", v).Msg("")
	printed["log"] = log.String()
	printed["error"] = fmt.Errorf("wrong: %v", v).Error()
	for how, text := range printed {
		if strings.Contains(text, tiger) || !strings.Contains(text, secretbytes.Redacted) {
			t.Errorf("%s: %s", how, text)
		}
	}
	for _, text := range []string{fmt.Sprintf("%v", inside), fmt.Sprintf("%+v", inside), fmt.Sprintf("%#v", inside)} {
		if strings.Contains(text, tiger) || strings.Contains(text, fmt.Sprintf("%d", []byte(tiger))) {
			t.Errorf("inside: %s", text)
		}
	}
}

func TestOwnership(t *testing.T) {
	owned := []byte(tiger)
	v := secretbytes.New(owned)
	copied := []byte(tiger)
	c := secretbytes.Copy(copied)
	v.Wipe()
	c.Wipe()
	if !bytes.Equal(owned, make([]byte, len(tiger))) {
		t.Errorf("New: the bytes were not wiped: %q", owned)
	}
	if string(copied) != tiger {
		t.Errorf("Copy: the caller's bytes were wiped: %q", copied)
	}
}

func TestWipe(t *testing.T) {
	v := secretbytes.Copy([]byte(tiger))
	for range 2 {
		v.Wipe()
		if err := v.Expose(func([]byte) error { t.Error("called"); return nil }); !errors.Is(err, secretbytes.ErrWiped) {
			t.Errorf("got %v", err)
		}
	}
	if v.Len() != 0 || v.String() != secretbytes.Redacted {
		t.Errorf("length %d", v.Len())
	}
	var none *secretbytes.Value
	none.Wipe()
	var zero secretbytes.Value
	if bytesOf(t, &zero) != "" || zero.Len() != 0 {
		t.Error("the zero Value is not empty")
	}
}

func TestExposeReturnsTheError(t *testing.T) {
	want := errors.New("of the caller")
	if err := secretbytes.Copy([]byte(tiger)).Expose(func([]byte) error { return want }); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

func TestUnmarshalText(t *testing.T) {
	var into struct {
		Secret secretbytes.Value `json:"secret"`
	}
	if err := json.Unmarshal([]byte(`{"secret":"tiger"}`), &into); err != nil || bytesOf(t, &into.Secret) != tiger {
		t.Errorf("got %q, %v", bytesOf(t, &into.Secret), err)
	}
	owned := []byte("lion")
	v := secretbytes.New(owned)
	if err := v.UnmarshalText([]byte(tiger)); err != nil || bytesOf(t, v) != tiger {
		t.Error(err)
	}
	if !bytes.Equal(owned, make([]byte, 4)) {
		t.Error("the replaced value was not wiped")
	}
}

func TestReadFrom(t *testing.T) {
	for _, size := range []int{0, 1, 511, 4095, 4096, 4097, 100_000} {
		text := strings.Repeat("x", size)
		for name, reader := range map[string]func() io.Reader{
			"at once":      func() io.Reader { return strings.NewReader(text) },
			"byte by byte": func() io.Reader { return iotest.OneByteReader(strings.NewReader(text)) },
			"data and EOF": func() io.Reader { return iotest.DataErrReader(strings.NewReader(text)) },
		} {
			v, err := secretbytes.ReadFrom(reader(), int64(size))
			if err != nil || bytesOf(t, v) != text {
				t.Errorf("%d bytes, %s: %v", size, name, err)
			}
			if v, err := secretbytes.ReadFrom(reader(), int64(size)-1); size > 0 && (v != nil || !errors.Is(err, secretbytes.ErrTooLarge)) {
				t.Errorf("%d bytes, one too many, %s: %v", size, name, err)
			}
		}
	}
	broken := errors.New("broken")
	if v, err := secretbytes.ReadFrom(io.MultiReader(strings.NewReader(tiger), iotest.ErrReader(broken)), 100); v != nil || !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// recording keeps the buffers that it was given to read into.
type recording struct {
	io.Reader
	buffers [][]byte
}

func (r *recording) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.buffers = append(r.buffers, p[:n])
	return n, err
}

// TestReadFromWipesOutgrownBuffers: after Wipe, no buffer that was read into
// on the way has anything left.
func TestReadFromWipesOutgrownBuffers(t *testing.T) {
	for _, limit := range []int64{1 << 20, 10_000} {
		r := &recording{Reader: strings.NewReader(strings.Repeat("x", 50_000))}
		v, err := secretbytes.ReadFrom(r, limit)
		if (err == nil) != (limit == 1<<20) {
			t.Fatal(err)
		}
		v.Wipe()
		for i, buffer := range r.buffers {
			if bytes.Contains(buffer, []byte("x")) {
				t.Errorf("limit %d: buffer %d was not wiped", limit, i)
			}
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	v := secretbytes.Copy([]byte(tiger))
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			err := v.Expose(func(b []byte) error {
				if string(b) != tiger {
					t.Errorf("got %q", b)
				}
				return nil
			})
			if err != nil && !errors.Is(err, secretbytes.ErrWiped) {
				t.Error(err)
			}
			_ = v.Len()
			v.Wipe()
		})
	}
	done.Wait()
}

func TestEqual(t *testing.T) {
	value := func(s string) *secretbytes.Value { return secretbytes.Copy([]byte(s)) }
	wiped := value(tiger)
	wiped.Wipe()
	for _, tc := range []struct {
		name string
		a, b *secretbytes.Value
		want bool
	}{
		{"same", value(tiger), value(tiger), true},
		{"other", value(tiger), value(tiger + "x"), false},
		{"both empty", value(""), value(""), true},
		{"wiped", wiped, value(tiger), false},
		{"against wiped", value(tiger), wiped, false},
		{"both wiped", wiped, wiped, false},
	} {
		if got := tc.a.Equal(tc.b); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}
