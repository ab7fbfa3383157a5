package azuretest_test

import (
	"context"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/sealrelay/sealrelay/azuretest"
)

func Example() {
	server, err := azuretest.Start(azuretest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	server.AddVault(azuretest.Vault{Name: "relay", Tenant: tenant, Subscription: subscription, ResourceGroup: "rg"})
	server.AddApp(azuretest.App{
		ClientID: app, Tenants: []string{tenant}, Secrets: []string{"hush"},
		Grants: []azuretest.Grant{{Actions: azuretest.SecretsOfficer}},
	})

	client := server.Client()
	defer client.CloseIdleConnections()
	options := azcore.ClientOptions{Transport: client}
	credential, err := azidentity.NewClientSecretCredential(tenant, app, "hush", &azidentity.ClientSecretCredentialOptions{ClientOptions: options})
	if err != nil {
		fmt.Println(err)
		return
	}
	secrets, err := azsecrets.NewClient("https://relay.vault.azure.net", credential, &azsecrets.ClientOptions{ClientOptions: options})
	if err != nil {
		fmt.Println(err)
		return
	}
	value := "hunter2"
	if _, err := secrets.SetSecret(context.Background(), "password", azsecrets.SetSecretParameters{Value: &value}, nil); err != nil {
		fmt.Println(err)
		return
	}
	got, err := secrets.GetSecret(context.Background(), "password", "", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(*got.Value, server.Asked("PUT /secrets/{name}"))
	// Output: hunter2 2
}
