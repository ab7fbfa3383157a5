package netguard_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/internal/netguard"
)

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

var everywhere = prefixes("0.0.0.0/0", "::/0")

// What no receiver has is refused with a list and without, even by the list that
// has everything.
func TestNever(t *testing.T) {
	for _, test := range []struct{ address, why string }{
		{"169.254.169.254", "link-local"},
		{"169.254.0.1", "link-local"},
		{"fe80::1", "link-local"},
		{"fe80::1%eth0", "zone"},
		{"2001:db8::1%eth0", "zone"},
		{"fd00:ec2::254", "metadata"},
		{"fd00:ec2::253", "metadata"},
		{"fd20:ce::254", "metadata"},
		{"100.100.100.200", "metadata"},
		{"168.63.129.16", "metadata"},
		{"192.0.0.192", "metadata"},
		{"0.0.0.0", "unspecified"},
		{"0.1.2.3", "unspecified"},
		{"::", "unspecified"},
		{"224.0.0.1", "multicast"},
		{"239.255.255.255", "multicast"},
		{"ff02::1", "multicast"},
		{"240.0.0.1", "reserved"},
		{"255.255.255.255", "reserved"},
		{"fec0::1", "reserved"},
		{"::ffff:10.0.0.1", "inside"},
		{"::ffff:127.0.0.1", "inside"},
		{"::ffff:169.254.169.254", "inside"},
		{"::10.0.0.1", "inside"},
		{"::169.254.169.254", "inside"},
		{"64:ff9b::a9fe:a9fe", "inside"},
		{"64:ff9b:1::1", "inside"},
		{"2002:a9fe:a9fe::1", "inside"},
		{"2001:0:a9fe:a9fe::1", "inside"},
	} {
		for _, allow := range [][]netip.Prefix{nil, everywhere, prefixes("127.0.0.0/8", "::1/128")} {
			err := netguard.New(allow).Check(netip.MustParseAddr(test.address))
			refused, ok := errors.AsType[*netguard.RefusedError](err)
			if !ok || !strings.Contains(refused.Why, test.why) {
				t.Errorf("%s with the list %v: %v, want refused because it is %s", test.address, allow, err, test.why)
			}
		}
	}
	if err := netguard.New(nil).Check(netip.Addr{}); err == nil {
		t.Error("the zero address is allowed")
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		allow   []netip.Prefix
		address string
		allowed bool
	}{
		{nil, "10.1.2.3", true},
		{nil, "172.16.0.1", true},
		{nil, "192.168.1.1", true},
		{nil, "100.64.0.1", true},
		{nil, "fd12::1", true},
		{nil, "8.8.8.8", true},
		{nil, "2606:4700::1", true},
		{nil, "127.0.0.1", false},
		{nil, "127.255.0.1", false},
		{nil, "::1", false},
		{everywhere, "8.8.8.8", true},
		{everywhere, "127.0.0.1", false},
		{everywhere, "::1", false},
		{prefixes("127.0.0.1/32"), "127.0.0.1", true},
		{prefixes("127.0.0.1/32"), "127.0.0.2", false},
		{prefixes("127.0.0.1/32"), "10.0.0.1", false},
		{prefixes("127.0.0.0/8"), "127.9.9.9", true},
		{prefixes("126.0.0.0/7"), "127.0.0.1", false},
		{prefixes("::1/128"), "::1", true},
		{prefixes("::/127"), "::1", false},
		{prefixes("10.0.0.0/8", "2001:db8::/32"), "10.255.0.1", true},
		{prefixes("10.0.0.0/8", "2001:db8::/32"), "2001:db8::7", true},
		{prefixes("10.0.0.0/8", "2001:db8::/32"), "11.0.0.1", false},
		{prefixes("10.0.0.0/8", "2001:db8::/32"), "2001:db9::7", false},
	} {
		if err := netguard.New(test.allow).Check(netip.MustParseAddr(test.address)); (err == nil) != test.allowed {
			t.Errorf("%s with the list %v: %v", test.address, test.allow, err)
		}
	}
}

// A dialer is held to the list for names and for addresses in any form.
func TestControl(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, test := range []struct {
		allow   []netip.Prefix
		allowed bool
	}{{prefixes("127.0.0.0/8"), true}, {prefixes("10.0.0.0/8"), false}, {nil, false}} {
		dialer := net.Dialer{ControlContext: netguard.New(test.allow).Control}
		for _, host := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1"} {
			_, port, _ := net.SplitHostPort(listener.Addr().String())
			conn, err := dialer.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
			if err == nil {
				conn.Close()
			}
			refused, isRefused := errors.AsType[*netguard.RefusedError](err)
			if (err == nil) != test.allowed || isRefused == test.allowed {
				t.Errorf("%s with the list %v: %v (%v)", host, test.allow, err, refused)
			}
		}
	}
}

func TestControlRefusesWhatItCannotRead(t *testing.T) {
	guard := netguard.New(everywhere)
	for _, test := range []struct{ network, address string }{
		{"udp4", "8.8.8.8:443"}, {"unix", "/run/socket"}, {"tcp4", "name:443"}, {"tcp4", ""},
	} {
		if err := guard.Control(context.Background(), test.network, test.address, nil); err == nil {
			t.Errorf("%s %q is let through", test.network, test.address)
		}
	}
}
