package azuretest

import (
	"net/http"
	"strings"
)

// Grant is what an app may do, as a role assignment has it.
type Grant struct {
	// Scope is a resource ID, of a vault, resource group or subscription, and what is
	// below it. Empty means everything.
	Scope string
	// Actions are data actions or actions; a * at the end stands for any rest.
	Actions []string
	// NamePrefix is a condition of the assignment: the secret's name starts with it,
	// in upper and lower case as it is. Empty means any name.
	NamePrefix string
}

// The data actions of Azure's built-in roles, and those of a role that writes secrets only.
var (
	SecretsOfficer      = []string{"Microsoft.KeyVault/vaults/secrets/*"}
	SecretsUser         = []string{"Microsoft.KeyVault/vaults/secrets/getSecret/action", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"}
	Reader              = []string{"Microsoft.KeyVault/vaults/secrets/readMetadata/action", "Microsoft.KeyVault/vaults/certificates/read"}
	CertificatesOfficer = []string{"Microsoft.KeyVault/vaults/certificates/*", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"}
	SecretsWriter       = []string{"Microsoft.KeyVault/vaults/secrets/setSecret/action"}
	Contributor         = []string{"Microsoft.KeyVault/vaults/read", "Microsoft.KeyVault/vaults/write", "Microsoft.Resources/subscriptions/read", "Microsoft.Resources/subscriptions/resourceGroups/read"}
)

func (a *App) may(action, scope, name string) bool {
	for _, grant := range a.Grants {
		if !below(scope, grant.Scope) || !strings.HasPrefix(name, grant.NamePrefix) {
			continue
		}
		for _, allowed := range grant.Actions {
			if prefix, any := strings.CutSuffix(allowed, "*"); strings.EqualFold(allowed, action) || any && len(action) >= len(prefix) && strings.EqualFold(action[:len(prefix)], prefix) {
				return true
			}
		}
	}
	return false
}

// below says whether a resource ID is that of the scope or of something in it.
func below(id, scope string) bool {
	id, scope = strings.ToLower(id), strings.ToLower(strings.TrimSuffix(scope, "/"))
	return scope == "" || id == scope || strings.HasPrefix(id, scope+"/")
}

// authorize refuses what no grant of the caller allows, with the action in the
// message, as Key Vault has it.
func (v *vault) authorize(app *App, action, collection, name string) *refusal {
	if app.may(action, v.id(), name) {
		return nil
	}
	return refuse(http.StatusForbidden, "Forbidden", "ForbiddenByRbac",
		"Caller is not authorized to perform action on resource.\r\n"+
			"If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\n"+
			"Caller: appid=%s;oid=%s;iss=https://sts.windows.net/%s/\r\nAction: '%s'\r\nResource: '%s/%s/%s'\r\nAssignment: (not found)\r\n"+
			"DenyAssignmentId: null\r\nDecisionReason: null \r\nVault: %s;location=%s\r\n",
		app.ClientID, app.objectID(), v.Tenant, action, v.id(), collection, name, v.Name, v.Location)
}
