// Package netguard decides which addresses connections may go out to.
//
// It is asked after a name was resolved, for the very address that is about to
// be connected to: a name that resolves to one address when it is looked at and
// to another when it is used (DNS rebinding) gains nothing.
package netguard

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// RefusedError says that a connection to an address was refused, and nothing
// was sent to it.
type RefusedError struct {
	Address netip.Addr
	// Why it is refused, and what to do if it is meant.
	Why string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("no connection is made to %s: %s", e.Address, e.Why)
}

// Guard allows and refuses addresses. It does not change and is safe for
// concurrent use.
//
// Addresses that no receiver has are refused always: those of metadata services
// of clouds, link-local, multicast, reserved and unspecified ones, and the forms
// of IPv6 that have an IPv4 address inside. Loopback is allowed only by a network
// that lies within it, so that 0.0.0.0/0 does not let it in. All else is allowed,
// private networks too, unless there is a list: then only what is in it.
type Guard struct{ allow []netip.Prefix }

// New returns a guard with a list of networks, or one without a list if allow is
// empty.
func New(allow []netip.Prefix) *Guard { return &Guard{slices.Clone(allow)} }

// Check says whether a connection to the address may be made; its error is a
// *RefusedError.
func (g *Guard) Check(address netip.Addr) error {
	if why := never(address); why != "" {
		return &RefusedError{address, why}
	}
	listed := slices.ContainsFunc(g.allow, func(p netip.Prefix) bool {
		return p.Contains(address) && (!address.IsLoopback() || within(p, loopback))
	})
	switch {
	case listed:
		return nil
	case address.IsLoopback():
		return &RefusedError{address, "it is this machine; if that is meant, list it"}
	case len(g.allow) > 0:
		return &RefusedError{address, "it is in none of the networks that are listed"}
	}
	return nil
}

// Control is for net.Dialer.ControlContext: it checks the address of a socket
// before it is connected.
func (g *Guard) Control(_ context.Context, network, address string, _ syscall.RawConn) error {
	switch network {
	case "tcp4", "tcp6":
	default:
		return fmt.Errorf("no connection is made over %s", network)
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("the address to connect to cannot be read: %w", err)
	}
	return g.Check(at.Addr())
}

// within says whether all of the network is in one of others.
func within(network netip.Prefix, others []netip.Prefix) bool {
	return slices.ContainsFunc(others, func(other netip.Prefix) bool {
		return other.Bits() <= network.Bits() && other.Contains(network.Addr())
	})
}
