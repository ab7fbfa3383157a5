package netguard

import "net/netip"

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// special are the networks that no receiver is in (IANA's registries of
// special-purpose addresses, RFC 6890), and those of metadata services, which
// hand out the credentials of the machine that asks.
var special = []struct {
	network netip.Prefix
	why     string
}{
	{netip.MustParsePrefix("169.254.0.0/16"), linkLocal},
	{netip.MustParsePrefix("fe80::/10"), linkLocal},
	{netip.MustParsePrefix("fd00:ec2::/32"), metadata},      // Amazon: fd00:ec2::254 and its neighbours
	{netip.MustParsePrefix("fd20:ce::254/128"), metadata},   // Google
	{netip.MustParsePrefix("100.100.100.200/32"), metadata}, // Alibaba
	{netip.MustParsePrefix("168.63.129.16/32"), metadata},   // Azure's platform
	{netip.MustParsePrefix("192.0.0.0/24"), metadata},       // protocol assignments; 192.0.0.192 is Oracle's
	{netip.MustParsePrefix("0.0.0.0/8"), "it is unspecified"},
	{netip.MustParsePrefix("::/128"), "it is unspecified"},
	{netip.MustParsePrefix("224.0.0.0/4"), "it is multicast"},
	{netip.MustParsePrefix("ff00::/8"), "it is multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "it is reserved"}, // and broadcast
	{netip.MustParsePrefix("fec0::/10"), "it is reserved"},   // site-local, RFC 3879
	{netip.MustParsePrefix("64:ff9b::/96"), embedded},        // NAT64, RFC 6052
	{netip.MustParsePrefix("64:ff9b:1::/48"), embedded},      // NAT64, RFC 8215
	{netip.MustParsePrefix("2002::/16"), embedded},           // 6to4, RFC 3056
	{netip.MustParsePrefix("2001::/32"), embedded},           // Teredo, RFC 4380
}

// compatible are the IPv4-compatible addresses (RFC 4291, section 2.5.5.1); ::1
// is not one.
var compatible = netip.MustParsePrefix("::/96")

const (
	linkLocal = "it is link-local, as the metadata services of clouds are"
	metadata  = "it is the metadata service of a cloud"
	embedded  = "it has an IPv4 address inside; use that one"
)

// never is why the address is refused whatever is listed; empty if it is not.
func never(address netip.Addr) string {
	switch {
	case !address.IsValid():
		return "it is none"
	case address.Is4In6():
		return embedded
	case address.Zone() != "":
		return "it has a zone"
	}
	for _, s := range special {
		if s.network.Contains(address) {
			return s.why
		}
	}
	if compatible.Contains(address) && !address.IsLoopback() {
		return embedded
	}
	return ""
}
