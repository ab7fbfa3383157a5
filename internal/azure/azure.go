// Package azure signs in to Azure, and is where everything of Azure gets its
// clients from: one credential and one HTTP client for a configuration, and for each
// vault one pace that all who write to it keep together.
//
// How to sign in is said, not guessed: there is no chain of credentials of which the
// first that happens to work is taken.
package azure

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// Settings is how an Account gets its configuration and what that names.
type Settings struct {
	Config Config
	// Path makes a path of the configuration absolute.
	Path func(string) string
	// ReadSecret reads the file that a `*_file` setting names, without the newline
	// at its end.
	ReadSecret func(path string) (*secretbytes.Value, error)
	// Transport sends the requests. Default: the SDK's own, which heeds HTTPS_PROXY
	// and NO_PROXY
	Transport policy.Transporter
}

// Account is who works with Azure, and where. It is safe for concurrent use.
type Account struct {
	config     Config
	cloud      cloud.Configuration
	credential azcore.TokenCredential
	transport  policy.Transporter

	mu    sync.Mutex
	paces map[string]*Pace
}

// New makes an account. Nothing is sent before a client needs a token.
func New(settings Settings) (*Account, error) {
	config := settings.Config
	if err := config.check(); err != nil {
		return nil, err
	}
	a := &Account{config: config, cloud: config.cloud(), transport: settings.Transport, paces: map[string]*Pace{}}
	var err error
	if a.credential, err = a.signIn(settings); err != nil {
		return nil, fmt.Errorf("sign_in %s: %w", config.SignIn, err)
	}
	return a, nil
}

// Credential is the account's one credential.
func (a *Account) Credential() azcore.TokenCredential { return a.credential }

// Tenant is that of the configuration; empty for identities that have their own.
func (a *Account) Tenant() string { return a.config.Tenant }

// Tenants are all in which the account may act, the configuration's own first.
func (a *Account) Tenants() []string {
	if a.config.Tenant == "" {
		return a.config.AdditionalTenants
	}
	return append([]string{a.config.Tenant}, a.config.AdditionalTenants...)
}

// Options are for every client of the SDK. What is safe to repeat is tried again up
// to three times; 429 is not among what is repeated, as [Pace] is to hold back all
// who use the vault, and what writes asks for no repetition with [Once].
func (a *Account) Options() azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:           a.cloud,
		Transport:       a.transport,
		PerCallPolicies: []policy.Policy{guard{}},
		Retry: policy.RetryOptions{
			TryTimeout:  time.Minute,
			StatusCodes: []int{http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout},
		},
		Telemetry: policy.TelemetryOptions{Disabled: true},
	}
}

// ResourceManager are the options of a client for Resource Manager.
func (a *Account) ResourceManager() *arm.ClientOptions {
	options := &arm.ClientOptions{ClientOptions: a.Options(), DisableRPRegistration: true}
	options.APIVersion = a.config.ResourceManagerAPI
	return options
}

// guard turns a panic of the SDK into an error: it has one for a challenge that names
// no tenant, which any server can send.
type guard struct{}

// errHostile says what a guard caught.
var errHostile = errors.New("the answer is not one of Azure's, and the SDK could not make sense of it; check the vault's name and what answers under it")

// Do implements policy.Policy.
func (guard) Do(request *policy.Request) (response *http.Response, err error) {
	defer func() {
		if recover() != nil {
			response, err = nil, errHostile
		}
	}()
	return request.Next()
}
