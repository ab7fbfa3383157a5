package main

import (
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sealrelay/sealrelay/azuretest"
)

// azureEnvironment leads a program to the server that stands in for Azure.
var azureEnvironment = []string{"HTTPS_PROXY", "HTTP_PROXY", "SSL_CERT_FILE"}

// startAzure starts a server that stands in for Azure, with the vaults relay and
// other, and the application of azure.yaml. Programs started afterwards use it.
func startAzure(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: azure")
	}
	const tenant, subscription = "11111111-1111-1111-1111-111111111111", "33333333-3333-3333-3333-333333333333"
	server, err := azuretest.Start(azuretest.Config{})
	ts.Check(err)
	ts.Defer(server.Close)
	for _, name := range []string{"relay", "other"} {
		server.AddVault(azuretest.Vault{Name: name, Tenant: tenant, Subscription: subscription, ResourceGroup: "rg"})
	}
	server.AddApp(azuretest.App{
		ClientID: "44444444-4444-4444-4444-444444444444", Tenants: []string{tenant}, Secrets: []string{"hush"},
		Grants: []azuretest.Grant{{Actions: azuretest.SecretsOfficer}, {Actions: azuretest.CertificatesOfficer}, {Actions: azuretest.Contributor}},
	})
	ca := ts.MkAbs("azure-ca.pem")
	ts.Check(os.WriteFile(ca, server.CA(), 0o600))
	for _, variable := range [][2]string{{"HTTPS_PROXY", server.Proxy()}, {"HTTP_PROXY", server.Proxy()}, {"SSL_CERT_FILE", ca}} {
		ts.Setenv(variable[0], variable[1])
	}
}
