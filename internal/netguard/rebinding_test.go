package netguard_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sealrelay/sealrelay/internal/netguard"
)

// A name that has an allowed address when it is looked at first and a refused
// one when it is used gains nothing: each connection is held to its own address.
func TestRebinding(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.2:0")
	if err != nil {
		t.Skipf("this system has no second loopback address: %v", err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	var now atomic.Value
	dialer := net.Dialer{
		ControlContext: netguard.New(prefixes("127.0.0.2/32")).Control,
		Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go answer(t, server, now.Load().(netip.Addr))
			return client, nil
		}},
	}
	dial := func(address string) error {
		now.Store(netip.MustParseAddr(address))
		conn, err := dialer.DialContext(t.Context(), "tcp4", "receiver.example.:"+port)
		if err == nil {
			conn.Close()
		}
		return err
	}
	if err := dial("127.0.0.2"); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"127.0.0.1", "169.254.169.254", "10.0.0.1", "0.0.0.0"} {
		refused, ok := errors.AsType[*netguard.RefusedError](dial(address))
		if !ok || refused.Address != netip.MustParseAddr(address) {
			t.Errorf("with the name at %s: refused is %v", address, refused)
		}
	}
}

// answer is a name server over a stream (RFC 1035, section 4.2.2) that says of
// each name that it has that address.
func answer(t *testing.T, conn net.Conn, address netip.Addr) {
	defer conn.Close()
	size := make([]byte, 2)
	for {
		if _, err := io.ReadFull(conn, size); err != nil {
			return
		}
		var query dnsmessage.Message
		message := make([]byte, binary.BigEndian.Uint16(size))
		if _, err := io.ReadFull(conn, message); err != nil || query.Unpack(message) != nil {
			t.Error("a query cannot be read")
			return
		}
		reply := dnsmessage.Message{
			Header:    dnsmessage.Header{ID: query.ID, Response: true, RecursionAvailable: true},
			Questions: query.Questions,
			Answers: []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: query.Questions[0].Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
				Body:   &dnsmessage.AResource{A: address.As4()},
			}},
		}
		packed, err := reply.AppendPack([]byte{0, 0})
		if err != nil {
			t.Error(err)
			return
		}
		binary.BigEndian.PutUint16(packed, uint16(len(packed)-2))
		if _, err := conn.Write(packed); err != nil {
			return
		}
	}
}
