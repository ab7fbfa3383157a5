package azuretest

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Vault is a Key Vault.
type Vault struct {
	// Name is globally unique: 3 to 24 letters, digits and hyphens. Required.
	Name string
	// Tenant is the only one whose tokens it takes. Required.
	Tenant string
	// Subscription and ResourceGroup are where it is. Required.
	Subscription, ResourceGroup string
	// Location is its region. Default: westeurope
	Location string
	// PurgeProtection: nothing can be purged.
	PurgeProtection bool
	// RetentionDays is how long what is deleted is kept, 7 to 90. Default: 90
	RetentionDays int
	// ReadOnly: it takes no writes, as after a failover.
	ReadOnly bool
	// Firewall: the caller's address is refused.
	Firewall bool
	// Tags are the vault's own, in Resource Manager.
	Tags map[string]string
}

// vault is a Vault with what is in it, under the server's lock.
type vault struct {
	Vault
	// properties are those that Resource Manager was given.
	properties map[string]any
	sku        map[string]any
	shelves    map[string]shelf
	// writes and others are the times of what was asked for within the window.
	writes, others []time.Time
}

// shelf has the items of a collection, by name in lower case.
type shelf map[string]*item

// item is a secret or a certificate with its versions, the oldest first.
type item struct {
	name     string
	versions []*version
	// deleted is when it was; zero if it is in use.
	deleted time.Time
	// busy is the inner code that the name is refused with until busyUntil.
	busy      string
	busyUntil time.Time
	// pending is a certificate's request that is under way.
	pending *pending
	// policy is a certificate's.
	policy *policy
}

// version is one state of an item.
type version struct {
	id          string
	value       string
	contentType string
	tags        map[string]string
	attributes  attributes
	// managed: the secret belongs to a certificate.
	managed bool
	// certificate is the DER of a certificate, nil for a secret.
	certificate []byte
	policy      *policy
}

type attributes struct {
	Enabled         *bool  `json:"enabled,omitempty"`
	NotBefore       *int64 `json:"nbf,omitempty"`
	Expires         *int64 `json:"exp,omitempty"`
	Created         int64  `json:"created,omitempty"`
	Updated         int64  `json:"updated,omitempty"`
	RecoveryLevel   string `json:"recoveryLevel,omitempty"`
	RecoverableDays int    `json:"recoverableDays,omitempty"`
}

func (a attributes) enabled() bool { return a.Enabled == nil || *a.Enabled }

// The limits of Key Vault that every operation shares.
const (
	maxName        = 127
	maxValue       = 25_600
	maxContentType = 255
	maxTags        = 15
	maxTag         = 256
	otherRequests  = 4000
)

var (
	nameRule      = regexp.MustCompile(`^[0-9a-zA-Z-]{1,127}$`)
	vaultNameRule = regexp.MustCompile(`^[a-zA-Z][0-9a-zA-Z-]{1,22}[0-9a-zA-Z]$`)
)

func validVaultName(name string) bool {
	return vaultNameRule.MatchString(name) && !strings.Contains(name, "--")
}

// AddVault makes a vault, empty; it replaces one of that name.
func (s *Server) AddVault(settings Vault) {
	if !validVaultName(settings.Name) {
		panic("azuretest: no name of a vault: " + settings.Name)
	}
	if settings.Location == "" {
		settings.Location = "westeurope"
	}
	if settings.RetentionDays == 0 {
		settings.RetentionDays = 90
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vaults[strings.ToLower(settings.Name)] = &vault{
		Vault:   settings,
		shelves: map[string]shelf{"secrets": {}, "certificates": {}},
		sku:     map[string]any{"family": "A", "name": "standard"},
	}
	s.subscription(settings.Subscription, settings.Tenant).addGroup(settings.ResourceGroup, settings.Location)
}

// ChangeVault changes how a vault is; what is in it stays.
func (s *Server) ChangeVault(name string, change func(*Vault)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.vaults[strings.ToLower(name)].Vault)
}

func (v *vault) id() string {
	return "/subscriptions/" + v.Subscription + "/resourceGroups/" + v.ResourceGroup + "/providers/Microsoft.KeyVault/vaults/" + v.Name
}

func (v *vault) recoveryLevel() string {
	if v.PurgeProtection {
		return "CustomizedRecoverable"
	}
	return "CustomizedRecoverable+Purgeable"
}

func (s *Server) url(v *vault) string {
	return "https://" + strings.ToLower(v.Name) + "." + s.config.Cloud.VaultSuffix
}

// call is a request to a vault that was authenticated.
type call struct {
	*Server
	*vault
	app  *App
	r    *http.Request
	now  time.Time
	body []byte
	// collection, name and rest are the parts of the path.
	collection, name string
}

// serveVault answers a request to a vault. What comes first is as at Azure: the token,
// the firewall, the throttle, and then the operation, which checks roles and names.
func (s *Server) serveVault(w http.ResponseWriter, r *http.Request, name string) {
	s.mu.Lock()
	v := s.vaults[strings.ToLower(name)]
	s.mu.Unlock()
	if v == nil {
		http.Error(w, "azuretest: no such host", http.StatusNotFound)
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	operation := r.Method + " " + pattern(parts)
	s.count(operation)
	app, refused := s.authenticate(r, v.Tenant, "https://"+s.config.Cloud.VaultSuffix)
	if refused != nil {
		refused.write(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		refuse(http.StatusRequestEntityTooLarge, "RequestTooLarge", "", "the request is too large").write(w)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{Server: s, vault: v, app: app, r: r, now: s.config.Now(), body: body, collection: parts[0]}
	if len(parts) > 1 {
		c.name = parts[1]
	}
	status, result, refused := c.answer(operation, parts)
	if refused != nil {
		refused.write(w)
		return
	}
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	answer(w, status, result)
}

// pattern is a path with {name} and {version} in place of what they are.
func pattern(parts []string) string {
	out := make([]string, len(parts))
	for i, part := range parts {
		switch {
		case i == 1 && part != "restore":
			part = "{name}"
		case i == 2 && len(part) == 32:
			part = "{version}"
		}
		out[i] = part
	}
	return "/" + strings.Join(out, "/")
}

// answer is the table of the operations.
func (c *call) answer(operation string, parts []string) (int, any, *refusal) {
	if c.Firewall {
		return 0, nil, refuse(http.StatusForbidden, "Forbidden", "ForbiddenByFirewall",
			"Client address is not authorized and caller is not a trusted service.\r\nClient address: 203.0.113.7\r\nCaller: appid=%s;oid=%s\r\nVault: %s;location=%s", c.app.ClientID, c.app.objectID(), c.Name, c.Location)
	}
	if c.r.URL.Query().Get("api-version") == "" {
		return 0, nil, badParameter("api-version must be specified")
	}
	handle, ok := operations[operation]
	if !ok {
		return 0, nil, notBuilt()
	}
	if refused := c.throttle(handle.counted); refused != nil {
		return 0, nil, refused
	}
	if c.name != "" && !nameRule.MatchString(c.name) {
		return 0, nil, badParameter("The request URI contains an invalid name: %s", c.name)
	}
	if refused := c.authorize(c.app, handle.action, strings.TrimPrefix(c.collection, "deleted"), c.name); refused != nil {
		return 0, nil, refused
	}
	if c.ReadOnly && handle.writes != "" {
		// The wording is that of a user's report of it.
		return 0, nil, refuse(http.StatusServiceUnavailable, "ServiceUnavailable", "",
			"Operation \"%s\" is unavailable: the service is currently in a read-only state.", handle.writes)
	}
	return handle.do(c, parts)
}

// throttle counts the request, and refuses it if there were too many.
func (c *call) throttle(write bool) *refusal {
	list, most := &c.others, otherRequests
	if write {
		list, most = &c.writes, c.config.Writes
	}
	for len(*list) > 0 && c.now.Sub((*list)[0]) >= c.config.Window {
		*list = (*list)[1:]
	}
	if len(*list) < most {
		*list = append(*list, c.now)
		return nil
	}
	refused := refuse(http.StatusTooManyRequests, "Throttled", "",
		"Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached")
	wait := c.config.Window - c.now.Sub((*list)[0])
	refused.header = [2]string{"Retry-After", strconv.Itoa(int((wait + time.Second - 1) / time.Second))}
	return refused
}

// decode reads the body, in which a key that the operation does not have is an error.
func (c *call) decode(into any) *refusal {
	if err := json.Unmarshal(c.body, into); err != nil {
		return badParameter("The request body is not valid JSON for this operation: %v", err)
	}
	return nil
}

func checkTags(tags map[string]string) *refusal {
	if len(tags) > maxTags {
		return badParameter("The number of tags %d exceeds the limit of %d.", len(tags), maxTags)
	}
	for name, value := range tags {
		if len(name) > maxTag || len(value) > maxTag {
			return badParameter("A tag's name or value is longer than %d characters.", maxTag)
		}
	}
	return nil
}

func newVersion() string {
	var id [16]byte
	rand.Read(id[:]) //nolint:errcheck // It does not fail.
	return hex.EncodeToString(id[:])
}

// find returns an item that is in use.
func (c *call) find(collection string) (*item, *refusal) {
	found := c.shelves[collection][strings.ToLower(c.name)]
	if found == nil || !found.deleted.IsZero() || len(found.versions) == 0 {
		return nil, c.notFound(collection)
	}
	return found, nil
}

func (c *call) notFound(collection string) *refusal {
	kind := map[string]string{"secrets": "Secret", "certificates": "Certificate"}[collection]
	return refuse(http.StatusNotFound, kind+"NotFound", "",
		"A %s with (name/id) %s was not found in this key vault. If you recently deleted this %s you may be able to recover it using the correct recovery command.",
		strings.ToLower(kind), c.name, strings.ToLower(kind))
}

// place returns the item that a new version is to be put into, or why its name
// cannot be used.
func (c *call) place(collection string) (*item, *refusal) {
	found := c.shelves[collection][strings.ToLower(c.name)]
	if found == nil {
		found = &item{name: c.name}
	}
	kind := strings.TrimSuffix(collection, "s")
	if found.busy != "" && c.now.Before(found.busyUntil) {
		return nil, refuse(http.StatusConflict, "Conflict", found.busy, "%s %s is currently being %s and cannot be used; retry later.",
			kind, c.name, map[string]string{"ObjectIsBeingDeleted": "deleted", "ObjectIsBeingRecovered": "recovered"}[found.busy])
	}
	if !found.deleted.IsZero() {
		return nil, refuse(http.StatusConflict, "Conflict", "ObjectIsDeletedButRecoverable",
			"%s %s is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the %s can only be recovered or purged.", kind, c.name, kind)
	}
	return found, nil
}

func (c *call) fill(a *attributes) {
	if a.Created == 0 {
		a.Created = c.now.Unix()
	}
	a.Updated = c.now.Unix()
	a.RecoveryLevel, a.RecoverableDays = c.recoveryLevel(), c.RetentionDays
}

func (c *call) idOf(collection string, i *item, v *version) string {
	id := fmt.Sprintf("%s/%s/%s", c.url(c.vault), collection, i.name)
	if v != nil {
		id += "/" + v.id
	}
	return id
}
