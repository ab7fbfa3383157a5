package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/sweep"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		name  string
		names []string
		ports []int
		want  string // The addresses, or part of the error after "!".
	}{
		{"host", []string{"web.example"}, []int{443, 8443}, "web.example:443 web.example:8443"},
		{"own port", []string{"web.example:1"}, []int{443}, "web.example:1"},
		{"IPv6", []string{"2001:db8::1", "[2001:db8::2]:9"}, []int{22}, "[2001:db8::1]:22 [2001:db8::2]:9"},
		{"twice", []string{"192.0.2.1", "192.0.2.1:22"}, []int{22}, "192.0.2.1:22"},
		{"range", []string{"192.0.2.7/30"}, []int{22}, "192.0.2.5:22 192.0.2.6:22"},
		{"two", []string{"192.0.2.0/31"}, []int{22}, "192.0.2.0:22 192.0.2.1:22"},
		{"end of all", []string{"255.255.255.255/32"}, []int{22}, "255.255.255.255:22"},
		{"large", []string{"10.0.0.0/15"}, []int{22}, "!more than 65536"},
		{"huge", []string{"2001:db8::/32"}, []int{22}, "!more than 65536"},
		{"many ports", []string{"10.0.0.0/16"}, []int{22, 23}, "!more than 65536"},
		{"none", nil, []int{22}, "!no host"},
		{"port", []string{"a"}, []int{0}, "!no port"},
		{"own port 0", []string{"a:0"}, nil, "!no port"},
		{"no range", []string{"a/8"}, []int{1}, "!no range"},
		{"URL", []string{"a b"}, []int{1}, "!no host"},
		{"empty", []string{""}, []int{1}, "!no host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := sweep.Targets(c.names, c.ports)
			if want, fails := strings.CutPrefix(c.want, "!"); fails {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("the error is %v", err)
				}
			} else if err != nil || strings.Join(got, " ") != c.want {
				t.Errorf("it is %v, %v", got, err)
			}
		})
	}
}

func FuzzTargets(f *testing.F) {
	for _, seed := range []string{"web.example", "192.0.2.0/30", "[::1]:22", "::/112", "a:0", "/", "%"} {
		f.Add(seed, 22)
	}
	f.Fuzz(func(t *testing.T, name string, port int) {
		got, err := sweep.Targets([]string{name}, []int{port})
		if err == nil && (len(got) == 0 || len(got) > sweep.MaxAddresses) {
			t.Errorf("there are %d", len(got))
		}
		for _, address := range got {
			if _, _, err := net.SplitHostPort(address); err != nil {
				t.Error(err)
			}
		}
	})
}

func config(targets ...string) sweep.Config {
	return sweep.Config{Targets: targets, Ports: []int{1}, Timeout: 10 * time.Second, Together: 4, Rate: 1000}
}

func TestLimits(t *testing.T) {
	for name, change := range map[string]func(*sweep.Config){
		"time-out": func(c *sweep.Config) { c.Timeout = time.Hour },
		"together": func(c *sweep.Config) { c.Together = 257 },
		"rate":     func(c *sweep.Config) { c.Rate = 0 },
		"targets":  func(c *sweep.Config) { c.Targets = nil },
	} {
		c := config("a")
		change(&c)
		if _, err := sweep.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestEach: one failure ends nothing, what is closed is counted only.
func TestEach(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	s, err := sweep.New(config(listener.Addr().String(), closed.Addr().String(), "name.invalid:1"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for f, err := range s.Each(t.Context(), "k", func(ctx context.Context, address string, dial sweep.Dialer) ([]stores.Found, error) {
		c, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		c.Close()
		return []stores.Found{{Path: address}}, errors.New("bad")
	}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(f.Path, f.Problem != nil))
	}
	slices.Sort(got)
	here := listener.Addr().String()
	if want := []string{here + "false", here + "true", "name.invalid:1true"}; !slices.Equal(got, want) {
		t.Errorf("it is %v", got)
	}
	if done, total := s.Progress(); done != 3 || total != 3 {
		t.Errorf("looked at %d of %d", done, total)
	}
	if got := s.Summary(); got != "3 addresses: 1 answered, 1 closed or silent, 1 otherwise or not reached" {
		t.Error(got)
	}
}

// TestCancel: a sweep ends with ctx, whatever is under way.
func TestCancel(t *testing.T) {
	s, err := sweep.New(config("10.0.0.0/20"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var last error
	for _, last = range s.Each(ctx, "k", func(ctx context.Context, _ string, _ sweep.Dialer) ([]stores.Found, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}) {
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("it ends with %v", last)
	}
}
