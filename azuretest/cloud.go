package azuretest

import (
	"io"
	"net"
	"net/http"
	"strings"
)

// Cloud is where a cloud's services are.
type Cloud struct {
	// Login is the host of Entra's sign-in.
	Login string
	// ResourceManager is the host of Resource Manager.
	ResourceManager string
	// VaultSuffix is what the hosts of vaults end with, after "NAME.". The audience
	// of their tokens is "https://" and this.
	VaultSuffix string
}

// The clouds that there are.
var (
	Public     = Cloud{"login.microsoftonline.com", "management.azure.com", "vault.azure.net"}
	Government = Cloud{"login.microsoftonline.us", "management.usgovcloudapi.net", "vault.usgovcloudapi.net"}
	China      = Cloud{"login.chinacloudapi.cn", "management.chinacloudapi.cn", "vault.azure.cn"}
)

const metadataHost = "169.254.169.254"

func (c Cloud) hosts() []string {
	return []string{c.Login, c.ResourceManager, "*." + c.VaultSuffix, "login.microsoft.com"}
}

// ServeHTTP answers under the host that was asked for.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	switch name, isVault := strings.CutSuffix(host, "."+s.config.Cloud.VaultSuffix); {
	case host == s.config.Cloud.Login, host == "login.microsoft.com":
		s.serveLogin(w, r)
	case host == metadataHost:
		s.serveMetadata(w, r)
	case host == s.config.Cloud.ResourceManager:
		s.serveResourceManager(w, r)
	case isVault:
		s.serveVault(w, r, name)
	default:
		http.Error(w, "azuretest: there is no host "+host+" in this cloud", http.StatusMisdirectedRequest)
	}
}

// serveProxy leads a tunnel, whatever it is to, and a plain request to the server.
func (s *Server) serveProxy(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		s.ServeHTTP(w, r)
		return
	}
	up, err := net.Dial("tcp", s.addr)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	down, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = up.Close()
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if _, err := io.WriteString(down, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = up.Close()
		_ = down.Close()
		return
	}
	go pass(up, buffered)
	pass(down, up)
	_ = up.Close()
}

// pass copies until from ends, and closes to.
func pass(to net.Conn, from io.Reader) {
	io.Copy(to, from) //nolint:errcheck // A connection that breaks is the end of it.
	_ = to.Close()
}
