package azuretest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Subscription is one of a tenant's.
type Subscription struct {
	// ID is a GUID. Tenant is whose it is. Both are required.
	ID, Tenant string
	// Name is shown.
	Name string
	// Denied: listing its vaults is refused whatever the caller may do.
	Denied bool
	// groups are resource groups' locations by name.
	groups map[string]string
}

// AddSubscription makes a subscription known, or changes it.
func (s *Server) AddSubscription(subscription Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.subscription(subscription.ID, subscription.Tenant)
	known.Name, known.Denied = subscription.Name, subscription.Denied
}

// AddResourceGroup makes a resource group of a subscription that is known.
func (s *Server) AddResourceGroup(subscription, name, location string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscriptions[subscription].addGroup(name, location)
}

func (s *Server) subscription(id, tenant string) *Subscription {
	if s.subscriptions[id] == nil {
		s.subscriptions[id] = &Subscription{ID: id, Tenant: tenant, Name: id, groups: map[string]string{}}
	}
	return s.subscriptions[id]
}

func (s *Subscription) addGroup(name, location string) { s.groups[strings.ToLower(name)] = location }

// vaultsAPI is the versions of the vaults' API that are taken, from and to.
const oldestAPI, newestAPI = "2019-09-01", "2026-02-01"

// serveResourceManager answers for subscriptions, tenants and vaults.
func (s *Server) serveResourceManager(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	shape := make([]string, len(parts))
	for i, part := range parts {
		shape[i] = strings.ToLower(part)
		if i > 0 && slices.Contains([]string{"subscriptions", "resourcegroups", "vaults"}, shape[i-1]) {
			shape[i] = "{}"
		}
	}
	operation := r.Method + " /" + strings.Join(shape, "/")
	s.count("ARM " + operation)
	app, refused := s.authenticate(r, "", "https://"+s.config.Cloud.ResourceManager, "https://management.core.windows.net",
		"https://"+strings.Replace(s.config.Cloud.ResourceManager, "management.", "management.core.", 1))
	if refused != nil {
		// Resource Manager does not say where to sign in.
		refuse(http.StatusUnauthorized, "AuthenticationFailed", "", "Authentication failed. %s", refused.message).write(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		badParameter("the request is too large").write(w)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	version := r.URL.Query().Get("api-version")
	c := &armCall{Server: s, app: app, r: r, parts: parts, body: body}
	if version == "" {
		refuse(http.StatusBadRequest, "MissingApiVersionParameter", "", "The api-version query parameter (?api-version=) is required for all requests.").write(w)
		return
	}
	if strings.Contains(strings.ToLower(r.URL.Path), "microsoft.keyvault") && (version < oldestAPI || version > newestAPI) {
		refuse(http.StatusBadRequest, "NoRegisteredProviderFound", "", "No registered resource provider found for API version '%s'.", version).write(w)
		return
	}
	status, result, refused := c.answer(operation)
	if refused != nil {
		refused.write(w)
		return
	}
	answer(w, status, result)
}

// armCall is a request to Resource Manager that was authenticated.
type armCall struct {
	*Server
	app   *App
	r     *http.Request
	parts []string
	body  []byte
}

const (
	groupPath  = " /subscriptions/{}/resourcegroups/{}"
	vaultsPath = "/providers/microsoft.keyvault/vaults"
)

func (c *armCall) answer(operation string) (int, any, *refusal) {
	switch operation {
	case "GET /tenants":
		return c.tenants()
	case "GET /subscriptions":
		return c.listSubscriptions()
	case "GET" + groupPath:
		return c.group()
	case "GET /subscriptions/{}" + vaultsPath:
		return c.listVaults("")
	case "GET" + groupPath + vaultsPath:
		return c.listVaults(c.parts[3])
	case "GET" + groupPath + vaultsPath + "/{}":
		return c.getVault()
	case "PUT" + groupPath + vaultsPath + "/{}":
		return c.putVault()
	}
	return 0, nil, notBuilt()
}

func (c *armCall) tenants() (int, any, *refusal) {
	values := []any{}
	for _, tenant := range c.app.Tenants {
		values = append(values, map[string]any{"id": "/tenants/" + tenant, "tenantId": tenant})
	}
	return http.StatusOK, map[string]any{"value": values}, nil
}

// tokenTenant is the tenant that the caller signed in to.
func (c *armCall) tokenTenant() string {
	var token claims
	_, jwt, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if payload, err := decodePayload(jwt); err == nil {
		json.Unmarshal(payload, &token) //nolint:errcheck // It was verified.
	}
	return token.Tenant
}

func (c *armCall) listSubscriptions() (int, any, *refusal) {
	var values []any
	tenant := c.tokenTenant()
	for _, id := range slices.Sorted(maps.Keys(c.subscriptions)) {
		subscription := c.subscriptions[id]
		if subscription.Tenant == tenant && c.app.may("Microsoft.Resources/subscriptions/read", "/subscriptions/"+id, "") {
			values = append(values, map[string]any{"id": "/subscriptions/" + id, "subscriptionId": id, "displayName": subscription.Name, "state": "Enabled", "tenantId": tenant})
		}
	}
	return c.page(values)
}

func (c *armCall) denied(action, scope string) *refusal {
	return refuse(http.StatusForbidden, "AuthorizationFailed", "",
		"The client '%s' with object id '%s' does not have authorization to perform action '%s' over scope '%s' or the scope is invalid. If access was recently granted, please refresh your credentials.",
		c.app.ClientID, c.app.objectID(), action, scope)
}

// page answers with a part of a list.
func (c *armCall) page(values []any) (int, any, *refusal) {
	start, err := strconv.Atoi("0" + c.r.URL.Query().Get("$skiptoken"))
	if err != nil || start > len(values) {
		return 0, nil, badParameter("the skip token is not valid")
	}
	end := min(start+c.config.PageSize, len(values))
	result := map[string]any{"value": append([]any{}, values[start:end]...)}
	if end < len(values) {
		query := url.Values{"api-version": {c.r.URL.Query().Get("api-version")}, "$skiptoken": {strconv.Itoa(end)}}
		result["nextLink"] = "https://" + c.config.Cloud.ResourceManager + c.r.URL.Path + "?" + query.Encode()
	}
	return http.StatusOK, result, nil
}

// subscriptionFor is the one in the path, if the caller's tenant has it.
func (c *armCall) subscriptionFor() (*Subscription, *refusal) {
	subscription := c.subscriptions[c.parts[1]]
	if subscription == nil || subscription.Tenant != c.tokenTenant() {
		return nil, refuse(http.StatusNotFound, "SubscriptionNotFound", "", "The subscription '%s' could not be found.", c.parts[1])
	}
	return subscription, nil
}

func (c *armCall) group() (int, any, *refusal) {
	subscription, refused := c.subscriptionFor()
	if refused != nil {
		return 0, nil, refused
	}
	scope := "/subscriptions/" + subscription.ID + "/resourceGroups/" + c.parts[3]
	if !c.app.may("Microsoft.Resources/subscriptions/resourceGroups/read", scope, "") {
		return 0, nil, c.denied("Microsoft.Resources/subscriptions/resourceGroups/read", scope)
	}
	location, ok := subscription.groups[strings.ToLower(c.parts[3])]
	if !ok {
		return 0, nil, refuse(http.StatusNotFound, "ResourceGroupNotFound", "", "Resource group '%s' could not be found.", c.parts[3])
	}
	return http.StatusOK, map[string]any{"id": scope, "name": c.parts[3], "location": location}, nil
}

func (c *armCall) listVaults(group string) (int, any, *refusal) {
	subscription, refused := c.subscriptionFor()
	if refused != nil {
		return 0, nil, refused
	}
	scope := "/subscriptions/" + subscription.ID
	if subscription.Denied || !c.app.may("Microsoft.KeyVault/vaults/read", scope, "") {
		return 0, nil, c.denied("Microsoft.KeyVault/vaults/read", scope)
	}
	var values []any
	for _, name := range slices.Sorted(maps.Keys(c.vaults)) {
		if v := c.vaults[name]; v.Subscription == subscription.ID && (group == "" || strings.EqualFold(group, v.ResourceGroup)) {
			values = append(values, c.renderVault(v))
		}
	}
	return c.page(values)
}

func (c *armCall) renderVault(v *vault) map[string]any {
	properties := map[string]any{
		"tenantId": v.Tenant, "sku": v.sku, "vaultUri": c.url(v) + "/", "provisioningState": "Succeeded",
		"softDeleteRetentionInDays": v.RetentionDays, "enableSoftDelete": true,
	}
	maps.Copy(properties, v.properties)
	return map[string]any{"id": v.id(), "name": v.Name, "type": "Microsoft.KeyVault/vaults", "location": v.Location, "tags": v.Tags, "properties": properties}
}

func (c *armCall) getVault() (int, any, *refusal) {
	if _, refused := c.subscriptionFor(); refused != nil {
		return 0, nil, refused
	}
	if !c.app.may("Microsoft.KeyVault/vaults/read", c.r.URL.Path, "") {
		return 0, nil, c.denied("Microsoft.KeyVault/vaults/read", c.r.URL.Path)
	}
	v := c.vaults[strings.ToLower(c.parts[7])]
	if v == nil || !strings.EqualFold(v.id(), c.r.URL.Path) {
		return 0, nil, refuse(http.StatusNotFound, "ResourceNotFound", "", "The Resource 'Microsoft.KeyVault/vaults/%s' under resource group '%s' was not found.", c.parts[7], c.parts[3])
	}
	return http.StatusOK, c.renderVault(v), nil
}

// putVault makes a vault or changes it.
func (c *armCall) putVault() (int, any, *refusal) {
	subscription, refused := c.subscriptionFor()
	if refused != nil {
		return 0, nil, refused
	}
	if !c.app.may("Microsoft.KeyVault/vaults/write", c.r.URL.Path, "") {
		return 0, nil, c.denied("Microsoft.KeyVault/vaults/write", c.r.URL.Path)
	}
	var given struct {
		Location   string            `json:"location"`
		Tags       map[string]string `json:"tags"`
		Properties map[string]any    `json:"properties"`
	}
	if err := json.Unmarshal(c.body, &given); err != nil {
		return 0, nil, badParameter("The request body is not valid JSON: %v", err)
	}
	name := c.parts[7]
	sku, _ := given.Properties["sku"].(map[string]any)
	retention, hasRetention := given.Properties["softDeleteRetentionInDays"].(float64)
	existing := c.vaults[strings.ToLower(name)]
	_, hasGroup := subscription.groups[strings.ToLower(c.parts[3])]
	switch {
	case !hasGroup:
		return 0, nil, refuse(http.StatusNotFound, "ResourceGroupNotFound", "", "Resource group '%s' could not be found.", c.parts[3])
	case !validVaultName(name):
		return 0, nil, refuse(http.StatusBadRequest, "VaultNameNotValid", "", "The vault name '%s' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens.", name)
	case existing != nil && !strings.EqualFold(existing.id(), c.r.URL.Path):
		return 0, nil, refuse(http.StatusConflict, "VaultAlreadyExists", "", "The vault name '%s' is already in use. Vault names are globally unique so it is possible that the name is already taken.", name)
	case given.Location == "" || given.Properties["tenantId"] == nil || sku["family"] != "A" || sku["name"] != "standard" && sku["name"] != "premium":
		return 0, nil, refuse(http.StatusBadRequest, "BadRequest", "", "The properties location, tenantId and sku (family A, name standard or premium) are required.")
	case hasRetention && (retention < 7 || retention > 90):
		return 0, nil, refuse(http.StatusBadRequest, "BadRequest", "", "The property \"softDeleteRetentionInDays\" must be between 7 and 90.")
	}
	status := http.StatusOK
	if existing == nil {
		status = http.StatusCreated
		existing = &vault{shelves: map[string]shelf{"secrets": {}, "certificates": {}}}
		existing.Name, existing.Subscription, existing.ResourceGroup = name, subscription.ID, c.parts[3]
		existing.RetentionDays = 90
		c.vaults[strings.ToLower(name)] = existing
	}
	if hasRetention {
		existing.RetentionDays = int(retention)
	}
	existing.PurgeProtection = existing.PurgeProtection || given.Properties["enablePurgeProtection"] == true
	existing.Tenant, _ = given.Properties["tenantId"].(string)
	existing.Location, existing.Tags, existing.properties, existing.sku = given.Location, given.Tags, given.Properties, sku
	return status, c.renderVault(existing), nil
}

// VaultProperties are those that Resource Manager was given for a vault; false if
// there is no such vault.
func (s *Server) VaultProperties(name string) (map[string]any, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.vaults[strings.ToLower(name)]
	if v == nil {
		return nil, false
	}
	return maps.Clone(v.properties), true
}
