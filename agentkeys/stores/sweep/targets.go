// Package sweep goes through hosts and ranges of addresses, within hard limits, for
// those that look for stores on a network.
package sweep

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// MaxAddresses is how many pairs of address and port one sweep has at most.
const MaxAddresses = 65536

// Targets returns the addresses, each host:port and once, that are named: a host or an
// address, with the ports or with ":port" of its own, or a CIDR range with the ports.
// In an IPv4 range of more than two the first and the last are left out, which are no
// hosts. More than MaxAddresses are an error, found before they are made.
func Targets(names []string, ports []int) ([]string, error) {
	if len(names) == 0 {
		return nil, errors.New("no host and no range")
	}
	for _, port := range ports {
		if port < 1 || port > 65535 {
			return nil, fmt.Errorf("%d is no port", port)
		}
	}
	var all []string
	seen := map[string]bool{}
	add := func(host string, ports ...int) error {
		for _, port := range ports {
			address := net.JoinHostPort(host, strconv.Itoa(port))
			if seen[address] {
				continue
			}
			if len(all) == MaxAddresses {
				return tooMany()
			}
			seen[address] = true
			all = append(all, address)
		}
		return nil
	}
	for _, name := range names {
		if err := addName(name, ports, add); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func tooMany() error { return fmt.Errorf("more than %d addresses", MaxAddresses) }

func addName(name string, ports []int, add func(string, ...int) error) error {
	if strings.Contains(name, "/") {
		return addRange(name, ports, add)
	}
	if address, err := netip.ParseAddr(name); err == nil {
		return add(address.String(), ports...)
	}
	host, own, err := net.SplitHostPort(name)
	if err != nil {
		return addHost(name, name, ports, add)
	}
	port, err := strconv.ParseUint(own, 10, 16)
	if err != nil || port == 0 {
		return fmt.Errorf("%q: %q is no port", name, own)
	}
	return addHost(name, host, []int{int(port)}, add)
}

func addHost(name, host string, ports []int, add func(string, ...int) error) error {
	if _, err := netip.ParseAddr(host); err != nil && (host == "" || strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789-._") != "") {
		return fmt.Errorf("%q is no host, host:port or range", name)
	}
	return add(host, ports...)
}

func addRange(name string, ports []int, add func(string, ...int) error) error {
	prefix, err := netip.ParsePrefix(name)
	if err != nil {
		return fmt.Errorf("%q is no range of addresses", name)
	}
	bits := prefix.Addr().BitLen() - prefix.Bits()
	if bits > 16 {
		return fmt.Errorf("%s: %w", name, tooMany())
	}
	prefix = prefix.Masked()
	count := 1 << bits
	edges := prefix.Addr().Is4() && count > 2
	address := prefix.Addr()
	for i := range count {
		if !edges || i != 0 && i != count-1 {
			if err := add(address.String(), ports...); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		address = address.Next()
	}
	return nil
}
