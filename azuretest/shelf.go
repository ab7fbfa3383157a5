package azuretest

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// operation is one of Key Vault's.
type operation struct {
	// action is the data action that it needs.
	action string
	// writes is its name if it changes something.
	writes string
	// counted: it is among the few that the throttle allows.
	counted bool
	do      func(c *call, parts []string) (int, any, *refusal)
}

// operations are by method and pattern of the path.
var operations = map[string]operation{
	"PUT /secrets/{name}":                      {secretAction + "setSecret/action", "SecretSet", true, (*call).setSecret},
	"GET /secrets/{name}":                      {secretAction + "getSecret/action", "", false, (*call).get},
	"GET /secrets/{name}/{version}":            {secretAction + "getSecret/action", "", false, (*call).get},
	"GET /secrets/{name}/versions":             {secretAction + "readMetadata/action", "", false, (*call).versions},
	"GET /secrets":                             {secretAction + "readMetadata/action", "", false, (*call).list},
	"PATCH /secrets/{name}":                    {secretAction + "update/action", "SecretUpdate", false, (*call).update},
	"PATCH /secrets/{name}/{version}":          {secretAction + "update/action", "SecretUpdate", false, (*call).update},
	"DELETE /secrets/{name}":                   {secretAction + "delete", "SecretDelete", false, (*call).delete},
	"GET /deletedsecrets":                      {secretAction + "readMetadata/action", "", false, (*call).listDeleted},
	"GET /deletedsecrets/{name}":               {secretAction + "readMetadata/action", "", false, (*call).getDeleted},
	"POST /deletedsecrets/{name}/recover":      {secretAction + "recover/action", "SecretRecover", false, (*call).recover},
	"DELETE /deletedsecrets/{name}":            {secretAction + "purge/action", "SecretPurge", false, (*call).purge},
	"GET /certificates":                        {certificateAction + "read", "", false, (*call).list},
	"GET /certificates/{name}":                 {certificateAction + "read", "", false, (*call).get},
	"GET /certificates/{name}/{version}":       {certificateAction + "read", "", false, (*call).get},
	"GET /certificates/{name}/versions":        {certificateAction + "read", "", false, (*call).versions},
	"GET /certificates/{name}/policy":          {certificateAction + "read", "", false, (*call).getPolicy},
	"PATCH /certificates/{name}":               {certificateAction + "update/action", "CertificateUpdate", false, (*call).update},
	"PATCH /certificates/{name}/{version}":     {certificateAction + "update/action", "CertificateUpdate", false, (*call).update},
	"POST /certificates/{name}/import":         {certificateAction + "import/action", "CertificateImport", true, (*call).importCertificate},
	"POST /certificates/{name}/create":         {certificateAction + "create/action", "CertificateCreate", false, (*call).createCertificate},
	"GET /certificates/{name}/pending":         {certificateAction + "read", "", false, (*call).getPending},
	"PATCH /certificates/{name}/pending":       {certificateAction + "update/action", "CertificateUpdate", false, (*call).cancelPending},
	"DELETE /certificates/{name}/pending":      {certificateAction + "delete", "CertificateDelete", false, (*call).deletePending},
	"POST /certificates/{name}/pending/merge":  {certificateAction + "create/action", "CertificateCreate", false, (*call).mergeCertificate},
	"DELETE /certificates/{name}":              {certificateAction + "delete", "CertificateDelete", false, (*call).delete},
	"GET /deletedcertificates":                 {certificateAction + "read", "", false, (*call).listDeleted},
	"GET /deletedcertificates/{name}":          {certificateAction + "read", "", false, (*call).getDeleted},
	"POST /deletedcertificates/{name}/recover": {certificateAction + "recover/action", "CertificateRecover", false, (*call).recover},
	"DELETE /deletedcertificates/{name}":       {certificateAction + "purge/action", "CertificatePurge", false, (*call).purge},
}

const (
	secretAction      = "Microsoft.KeyVault/vaults/secrets/"
	certificateAction = "Microsoft.KeyVault/vaults/certificates/"
)

// get answers with the newest version, or the one that is named.
func (c *call) get(parts []string) (int, any, *refusal) {
	found, refused := c.find(c.collection)
	if refused != nil {
		return 0, nil, refused
	}
	v := found.versions[len(found.versions)-1]
	if len(parts) > 2 {
		if v = found.version(parts[2]); v == nil {
			return 0, nil, c.notFound(c.collection)
		}
	}
	if c.collection == "secrets" {
		if !v.attributes.enabled() {
			return 0, nil, refuse(http.StatusForbidden, "Forbidden", "SecretDisabled", "Operation get is not allowed on a disabled secret.")
		}
	}
	return http.StatusOK, c.render(c.collection, found, v, true), nil
}

func (i *item) version(id string) *version {
	for _, v := range i.versions {
		if v.id == id {
			return v
		}
	}
	return nil
}

func (i *item) newest() *version { return i.versions[len(i.versions)-1] }

func (c *call) list([]string) (int, any, *refusal) {
	pending := c.r.URL.Query().Get("includePending") == "true"
	return c.page(c.collection, func(i *item) bool {
		return i.deleted.IsZero() && (len(i.versions) > 0 || pending && i.pending != nil)
	}, c.render)
}

func (c *call) listDeleted([]string) (int, any, *refusal) {
	return c.page(strings.TrimPrefix(c.collection, "deleted"), func(i *item) bool {
		return !i.deleted.IsZero() && !c.now.Before(i.busyUntil)
	}, c.renderDeleted)
}

// page answers with a page of those items of a collection that are wanted. A page
// may be empty and still name a next one, as at Azure.
func (c *call) page(collection string, wanted func(*item) bool, render func(string, *item, *version, bool) map[string]any) (int, any, *refusal) {
	names := slices.Sorted(maps.Keys(c.shelves[collection]))
	size := c.config.PageSize
	if asked, err := strconv.Atoi(c.r.URL.Query().Get("maxresults")); err == nil && asked > 0 && asked < size {
		size = asked
	}
	after, err := base64.RawURLEncoding.DecodeString(c.r.URL.Query().Get("$skiptoken"))
	if err != nil {
		return 0, nil, badParameter("the skip token is not valid")
	}
	start, found := slices.BinarySearch(names, string(after))
	if found {
		start++
	}
	end := min(start+size, len(names))
	values := []any{}
	for _, name := range names[start:end] {
		if i := c.shelves[collection][name]; wanted(i) {
			if len(i.versions) == 0 { // A request that is under way and never had a certificate.
				values = append(values, map[string]any{"id": c.idOf(collection, i, nil), "attributes": attributes{}})
				continue
			}
			values = append(values, render(collection, i, i.newest(), false))
		}
	}
	result := map[string]any{"value": values, "nextLink": nil}
	if end < len(names) {
		query := url.Values{"api-version": {c.r.URL.Query().Get("api-version")}, "$skiptoken": {base64.RawURLEncoding.EncodeToString([]byte(names[end-1]))}}
		for _, name := range []string{"maxresults", "includePending"} {
			if asked := c.r.URL.Query().Get(name); asked != "" {
				query.Set(name, asked)
			}
		}
		result["nextLink"] = c.url(c.vault) + "/" + c.collection + "?" + query.Encode()
	}
	return http.StatusOK, result, nil
}

func (c *call) versions([]string) (int, any, *refusal) {
	found, refused := c.find(c.collection)
	if refused != nil {
		return 0, nil, refused
	}
	values := []any{}
	for _, v := range found.versions {
		values = append(values, c.render(c.collection, found, v, false))
	}
	return http.StatusOK, map[string]any{"value": values, "nextLink": nil}, nil
}

// update changes what stands beside a version, never its value.
func (c *call) update(parts []string) (int, any, *refusal) {
	found, refused := c.find(c.collection)
	if refused != nil {
		return 0, nil, refused
	}
	v := found.newest()
	if len(parts) > 2 {
		if v = found.version(parts[2]); v == nil {
			return 0, nil, c.notFound(c.collection)
		}
	}
	var given struct {
		ContentType *string           `json:"contentType"`
		Attributes  *attributes       `json:"attributes"`
		Tags        map[string]string `json:"tags"`
		Policy      *policy           `json:"policy"`
	}
	if refused := c.decode(&given); refused != nil {
		return 0, nil, refused
	}
	if refused := checkTags(given.Tags); refused != nil {
		return 0, nil, refused
	}
	if given.ContentType != nil {
		v.contentType = *given.ContentType
	}
	if given.Tags != nil {
		v.tags = given.Tags
	}
	if a := given.Attributes; a != nil {
		for to, from := range map[**int64]*int64{&v.attributes.NotBefore: a.NotBefore, &v.attributes.Expires: a.Expires} {
			if from != nil {
				*to = from
			}
		}
		if a.Enabled != nil {
			v.attributes.Enabled = a.Enabled
		}
	}
	c.fill(&v.attributes)
	return http.StatusOK, c.render(c.collection, found, v, false), nil
}

// delete puts an item where it can be recovered from. A certificate takes its secret
// along.
func (c *call) delete([]string) (int, any, *refusal) {
	found, refused := c.find(c.collection)
	if refused != nil {
		return 0, nil, refused
	}
	if found.busy != "" && c.now.Before(found.busyUntil) {
		_, refused := c.place(c.collection)
		return 0, nil, refused
	}
	if c.collection == "secrets" && found.newest().managed {
		return 0, nil, refuse(http.StatusForbidden, "Forbidden", "", "The secret belongs to a certificate; delete the certificate.")
	}
	c.each(c.collection, func(i *item) { i.deleted = c.now }, "ObjectIsBeingDeleted")
	return http.StatusOK, c.renderDeleted(c.collection, found, found.newest(), false), nil
}

// each changes an item and the secret that goes with it, and keeps their name busy.
func (c *call) each(collection string, change func(*item), busy string) {
	key := strings.ToLower(c.name)
	collections := []string{collection}
	if secret := c.shelves["secrets"][key]; collection == "certificates" && secret != nil {
		collections = append(collections, "secrets")
	}
	for _, collection := range collections {
		i := c.shelves[collection][key]
		change(i)
		i.busy, i.busyUntil = busy, c.now.Add(c.config.Settle)
	}
}

// findDeleted returns an item whose deletion has ended.
func (c *call) findDeleted() (collection string, found *item, refused *refusal) {
	collection = strings.TrimPrefix(c.collection, "deleted")
	found = c.shelves[collection][strings.ToLower(c.name)]
	if found == nil || found.deleted.IsZero() || c.now.Before(found.busyUntil) {
		return "", nil, c.notFound(collection)
	}
	return collection, found, nil
}

func (c *call) getDeleted([]string) (int, any, *refusal) {
	collection, found, refused := c.findDeleted()
	if refused != nil {
		return 0, nil, refused
	}
	return http.StatusOK, c.renderDeleted(collection, found, found.newest(), true), nil
}

// recover brings an item back with all its versions, its last value among them.
func (c *call) recover([]string) (int, any, *refusal) {
	collection, found, refused := c.findDeleted()
	if refused != nil {
		return 0, nil, refused
	}
	c.each(collection, func(i *item) { i.deleted = time.Time{} }, "ObjectIsBeingRecovered")
	return http.StatusOK, c.render(collection, found, found.newest(), false), nil
}

// purge removes an item for good. Its name stays busy for a while, in which it is
// not found and still cannot be used.
func (c *call) purge([]string) (int, any, *refusal) {
	collection, _, refused := c.findDeleted()
	if refused != nil {
		return 0, nil, refused
	}
	if c.PurgeProtection {
		return 0, nil, refuse(http.StatusForbidden, "Forbidden", "", "Operation \"purge\" is not allowed because purge protection is enabled for this vault.")
	}
	c.each(collection, func(i *item) { i.deleted, i.versions, i.policy = time.Time{}, nil, nil }, "ObjectIsBeingDeleted")
	return http.StatusNoContent, nil, nil
}

// render is an item as an answer has it: of a secret with its value if that is asked
// for, of a certificate then with the certificate and its policy.
func (c *call) render(collection string, i *item, v *version, whole bool) map[string]any {
	id := c.idOf(collection, i, v)
	if !whole && strings.Count(c.r.URL.Path, "/") == 1 {
		id = c.idOf(collection, i, nil) // A list of items has no versions.
	}
	out := map[string]any{"id": id, "attributes": v.attributes}
	if len(v.tags) > 0 {
		out["tags"] = v.tags
	}
	if collection == "certificates" {
		c.renderCertificate(out, i, v, whole)
		return out
	}
	if v.contentType != "" {
		out["contentType"] = v.contentType
	}
	if v.managed {
		out["managed"], out["kid"] = true, c.url(c.vault)+"/keys/"+i.name+"/"+v.id
	}
	if whole {
		out["value"] = v.value
	}
	return out
}

func (c *call) renderDeleted(collection string, i *item, v *version, _ bool) map[string]any {
	out := c.render(collection, i, v, false)
	out["recoveryId"] = c.url(c.vault) + "/deleted" + collection + "/" + i.name
	out["deletedDate"] = i.deleted.Unix()
	out["scheduledPurgeDate"] = i.deleted.AddDate(0, 0, c.RetentionDays).Unix()
	return out
}
