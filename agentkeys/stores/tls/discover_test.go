package tls_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/agentkeys/stores/sweep"
	"github.com/sealrelay/sealrelay/agentkeys/stores/tls"
)

// TestDiscover: servers that are silent or talk garbage end nothing.
func TestDiscover(t *testing.T) {
	good, _ := endpoint(t, storetest.NewPair(t, "ec-p256", "web"), make(chan string, 1))
	garbage := listen(t, func(c net.Conn) { _, _ = c.Write([]byte("220 mail.example ESMTP\r\n")) })
	silent := listen(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<16)); _, _ = c.Read(make([]byte, 1)) })
	s, err := sweep.New(sweep.Config{Targets: []string{good, garbage, silent}, Timeout: 300 * time.Millisecond, Together: 3, Rate: 1000})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]stores.Found{}
	for f, err := range tls.NewDiscoverer(s).Discover(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		got[f.Path] = f
	}
	if f := got[good]; f.Problem != nil || f.About["subject"] == "" || f.About["expires"] == "" {
		t.Errorf("it is %+v", f)
	}
	for _, bad := range []string{garbage, silent} {
		if f, ok := got[bad]; !ok || f.Problem == nil {
			t.Errorf("%s is %+v", bad, f)
		}
	}
}
