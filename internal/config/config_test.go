package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/internal/config"
)

var update = flag.Bool("update", false, "write the .want files anew; read the difference before it is kept")

// canary stands for a secret wherever a test puts one in a wrong place. It is
// no name, for the slash.
const canary = "C4nary/"

func glob(t testing.TB, pattern string, least int) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) < least {
		t.Fatalf("%s: %d files, at least %d are expected; %v", pattern, len(files), least, err)
	}
	return files
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestBad loads files with one mistake each, or with several on purpose. The
// whole message is compared, so it says all that is wrong and nothing else.
func TestBad(t *testing.T) {
	for _, file := range glob(t, "testdata/bad/*.yaml", 80) {
		name := strings.TrimSuffix(file, ".yaml")
		t.Run(filepath.Base(name), func(t *testing.T) {
			_, err := config.Load(file)
			if err == nil {
				t.Fatal("loaded")
			}
			got := err.Error() + "\n"
			if *update {
				if err := os.WriteFile(name+".want", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(read(t, name+".want")), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if strings.Contains(got, canary) {
				t.Errorf("the error repeats a secret: %s", got)
			}
		})
	}
}

func TestGood(t *testing.T) {
	c, err := config.Load("testdata/good/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Abs("testdata/good")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ path, want string }{
		{"", ""},
		{"service.key", filepath.Join(dir, "service.key")},
		{"../x", filepath.Join(filepath.Dir(dir), "x")},
		{filepath.Join(dir, "absolute"), filepath.Join(dir, "absolute")},
	} {
		if got := c.Path(tc.path); got != tc.want {
			t.Errorf("Path(%q) = %q, want %q", tc.path, got, tc.want)
		}
	}
	got := []any{
		c.DataDir, c.Issuer, c.Server, c.Admin, c.Log, c.Outbox, c.Delivery,
		c.Sources["vault"].RatePerSecond, c.Sources["vault"].RateBurst, c.Sources["vault"].MaxBodyBytes, c.Sources["vault"].RepeatWindow,
	}
	want := []any{
		"data", "sealrelay",
		config.Server{Listen: "127.0.0.1:8443", MaxInFlight: 256, ShutdownTimeout: 30 * time.Second},
		config.Admin{Listen: "127.0.0.1:9443"}, config.Log{Level: "info"}, config.Outbox{EventRetention: 720 * time.Hour},
		config.Delivery{Workers: 16, PerDestination: 4, BreakAfter: 5, Timeout: 30 * time.Second, RetryFirst: 5 * time.Second, RetryMax: time.Hour, GiveUpAfter: 72 * time.Hour},
		100.0, 200, int64(1 << 20), 10 * time.Minute,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults: -want +got:\n%s", diff)
	}
	scheme, settings, err := c.Sources["vault"].Scheme()
	var bearer struct {
		TokenFiles []string `yaml:"token_files"`
	}
	if err != nil || scheme != "bearer" || settings.Decode(&bearer) != nil || !cmp.Equal(bearer.TokenFiles, []string{"token"}) {
		t.Errorf("scheme %q, %+v, %v", scheme, bearer, err)
	}
	if product, _, err := c.Sources["vault"].Product(); err != nil || product != "push" {
		t.Errorf("adapter %q, %v", product, err)
	}
	if kind, _, err := c.Agents["web"].Destinations["folder"].Place(); err != nil || kind != "file" {
		t.Errorf("kind %q, %v", kind, err)
	}
}

func TestSettingsAreStrict(t *testing.T) {
	text := strings.Replace(string(read(t, "testdata/good/small.yaml")), "{token_files: [token]}", "{tokens_file: "+canary+"}", 1)
	c, err := config.Parse([]byte(text), "/etc")
	if err != nil {
		t.Fatal(err)
	}
	_, settings, err := c.Sources["vault"].Scheme()
	if err != nil {
		t.Fatal(err)
	}
	var bearer struct {
		TokenFiles []string `yaml:"token_files"`
	}
	err = settings.Decode(&bearer)
	if want := `line 4: key "tokens_file" is not a setting here`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := (config.Settings{}).Decode(&bearer); err != nil {
		t.Errorf("settings that were left out: %v", err)
	}
}

// TestErrorsRepeatNothing puts a secret in the place of each key and each
// value of a good file, one after the other.
func TestErrorsRepeatNothing(t *testing.T) {
	var count func(node *yaml.Node, visit func(*yaml.Node)) int
	count = func(node *yaml.Node, visit func(*yaml.Node)) int {
		n := 0
		if node.Kind == yaml.ScalarNode {
			visit(node)
			n++
		}
		for _, child := range node.Content {
			n += count(child, visit)
		}
		return n
	}
	parse := func() *yaml.Node {
		var root yaml.Node
		if err := yaml.Load(read(t, "manual/example.yaml"), &root); err != nil {
			t.Fatal(err)
		}
		return &root
	}
	places, refused := count(parse(), func(*yaml.Node) {}), 0
	for place := range places {
		root, at := parse(), 0
		count(root, func(node *yaml.Node) {
			if at == place {
				node.Value, node.Tag, node.Style = canary+"p4ssword", "!!str", yaml.DoubleQuotedStyle
			}
			at++
		})
		text, err := yaml.Dump(root)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := config.Parse(text, "/etc"); err != nil {
			refused++
			if strings.Contains(err.Error(), canary) {
				t.Errorf("place %d: %v", place, err)
			}
		}
	}
	if refused < places/2 {
		t.Errorf("only %d of %d places refuse a text that does not belong there", refused, places)
	}
	t.Logf("%d places, %d refused, 0 repeated", places, refused)
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	c, err := config.Parse(read(t, "testdata/good/small.yaml"), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, content, want, fails string }{
		{"plain", "tiger", "tiger", ""},
		{"newline", "tiger\n", "tiger", ""},
		{"crlf", "tiger\r\n", "tiger", ""},
		{"one newline only", "tiger\n\n", "tiger\n", ""},
		{"spaces stay", " tiger ", " tiger ", ""},
		{"empty", "", "", "empty is empty"},
		{"only a newline", "\n", "", "only a newline is empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, tc.name), []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := c.ReadSecret(tc.name)
			if tc.fails != "" {
				if err == nil || err.Error() != tc.fails {
					t.Errorf("got %v, want %s", err, tc.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_ = got.Expose(func(value []byte) error {
				if string(value) != tc.want {
					t.Errorf("got %q, want %q", value, tc.want)
				}
				return nil
			})
		})
	}
	if _, err := c.ReadSecret("missing"); err == nil || !os.IsNotExist(err) {
		t.Errorf("missing file: %v", err)
	}
}

func TestFileTooLarge(t *testing.T) {
	file := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, config.MaxFileBytes+1); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(file); err == nil || !strings.Contains(err.Error(), "is larger than") {
		t.Errorf("got %v", err)
	}
}

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "127.8.8.8:0": true,
		"0.0.0.0:1": false, ":1": false, "[::]:1": false, "10.0.0.1:1": false, "example.com:1": false, "127.0.0.1": false, "": false,
		"localhost.example.com:1": false,
	} {
		if got := config.Loopback(address); got != want {
			t.Errorf("Loopback(%q) = %v", address, got)
		}
	}
}

// FuzzParse: no text makes it panic, and no error repeats the secret in it.
func FuzzParse(f *testing.F) {
	files := append(glob(f, "testdata/bad/*.yaml", 80), glob(f, "testdata/good/*.yaml", 1)...)
	for _, file := range files {
		f.Add(read(f, file))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse(text, "/etc")
		if (c == nil) != (err != nil) {
			t.Fatalf("configuration %v and error %v", c, err)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Fatalf("the error repeats a secret: %v", err)
		}
	})
}
