// Package adapters reads Events out of what password managers send. Each
// adapter is a settings struct where it has settings, a constructor, and an
// entry in Table.
//
// Every adapter refuses with hooks.ErrMediaType a body of another type or
// content encoding than its product sends, which is JSON in UTF-8 but where the
// adapter says otherwise; with hooks.ErrMalformed what its product does not
// send; and with hooks.ErrNoValue an event that sets a secret without a value,
// or to an empty one: an empty value is nearly always a mistake of the sender. A
// value goes from the body straight into the buffer that is wiped; no string
// holds it.
package adapters

import (
	"fmt"
	"mime"
	"slices"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

// Table has each adapter's constructor by the name that configurations use.
var Table = map[string]func(hooks.Settings) (hooks.Adapter, error){
	"akeyless":              configured(NewAkeyless),
	"aws-secrets-manager":   configured(NewAWSSecretsManager),
	"azure-event-grid":      configured(NewAzureEventGrid),
	"cloudevents":           configured(NewCloudEvents),
	"bitwarden":             configured(NewBitwarden),
	"delinea-platform":      configured(NewDelineaPlatform),
	"delinea-secretchanged": configured(NewDelineaSecretChanged),
	"doppler":               configured(NewDoppler),
	"eso-push":              configured(NewESOPush),
	"gcp-pubsub":            configured(NewGCPPubSub),
	"infisical":             configured(NewInfisical),
	"json":                  configuredJSON,
	"keeper-alert":          configured(NewKeeperAlert),
	"psono":                 configured(NewPsono),
	"set-push":              configuredSETPush,
	"push":                  configuredPush,
}

// maxIDLen bounds an event ID that a body carries, in bytes.
const maxIDLen = 256

// readJSON checks the request's media type and parses its body, which must be
// one JSON object.
func readJSON(r *hooks.Request) (jsonscan.Value, error) {
	root, err := parseJSON(r)
	if err == nil && root.Kind() != jsonscan.Object {
		return jsonscan.Value{}, malformed("the body is %s, not a JSON object", root.Kind())
	}
	return root, err
}

// readJSONObjects does as readJSON for a body that may also be an array of
// objects.
func readJSONObjects(r *hooks.Request) ([]jsonscan.Value, error) {
	root, err := parseJSON(r)
	if err != nil {
		return nil, err
	}
	switch root.Kind() {
	case jsonscan.Object:
		return []jsonscan.Value{root}, nil
	case jsonscan.Array:
		return elements(root)
	default:
		return nil, malformed("the body is %s, neither a JSON object nor an array of them", root.Kind())
	}
}

// elements are those of an array of objects, hooks.MaxEvents at most.
func elements(array jsonscan.Value) ([]jsonscan.Value, error) {
	var all []jsonscan.Value
	for element := range array.Elements() {
		if len(all) == hooks.MaxEvents {
			return nil, malformed("the body has more than %d events; send fewer at once", hooks.MaxEvents)
		}
		if element.Kind() != jsonscan.Object {
			return nil, malformed("an element of the body's array is %s, not an object", element.Kind())
		}
		all = append(all, element)
	}
	return all, nil
}

// parseJSON checks the request's media type and parses its body. It is the one
// way in for every adapter that reads JSON.
func parseJSON(r *hooks.Request) (jsonscan.Value, error) {
	if err := checkMedia(r); err != nil {
		return jsonscan.Value{}, err
	}
	return parse(r.Body)
}

func parse(doc []byte) (jsonscan.Value, error) {
	root, err := jsonscan.Parse(doc)
	if err != nil {
		return jsonscan.Value{}, fmt.Errorf("%w: %w", hooks.ErrMalformed, err)
	}
	return root, nil
}

// checkEncoding refuses a body that would have to be decoded first: whoever
// decompresses takes what a few bytes grow to.
func checkEncoding(r *hooks.Request) error {
	for _, encoding := range r.Header.Values("Content-Encoding") {
		if !strings.EqualFold(encoding, "identity") {
			return fmt.Errorf("%w: the body has a Content-Encoding; send it as it is", hooks.ErrMediaType)
		}
	}
	return nil
}

// jsonMedia says whether a media type, without parameters, is application/json
// or one that ends in +json (RFC 6839, section 3.1).
func jsonMedia(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// checkMedia accepts JSON in UTF-8 and without a content encoding.
func checkMedia(r *hooks.Request) error {
	if err := checkEncoding(r); err != nil {
		return err
	}
	lines := r.Header.Values("Content-Type")
	if len(lines) != 1 {
		return fmt.Errorf("%w: %d headers Content-Type; send one, with application/json", hooks.ErrMediaType, len(lines))
	}
	media, params, err := mime.ParseMediaType(lines[0])
	if err != nil || !jsonMedia(media) {
		return fmt.Errorf("%w: Content-Type is not application/json", hooks.ErrMediaType)
	}
	if charset, found := params["charset"]; found && !strings.EqualFold(charset, "utf-8") {
		return fmt.Errorf("%w: charset is not utf-8", hooks.ErrMediaType)
	}
	return nil
}

// onlyMembers are an object's members by name. Any other than those known is
// refused.
func onlyMembers(object jsonscan.Value, known ...string) (map[string]jsonscan.Value, error) {
	members := make(map[string]jsonscan.Value, len(known))
	for name, value := range object.Members() {
		name := name.Text()
		if !slices.Contains(known, name) {
			last := len(known) - 1
			return nil, malformed("the body has an unknown member; known are %s and %s", strings.Join(known[:last], ", "), known[last])
		}
		members[name] = value
	}
	return members, nil
}

// readSecret reads the string at where into a Value of its own. It is
// hooks.ErrNoValue if the string is missing, null or empty.
func readSecret(v jsonscan.Value, where string) (*hooks.Value, error) {
	if err := checkSecret(v, where); err != nil {
		return nil, err
	}
	return v.Secret(), nil
}

func checkSecret(v jsonscan.Value, where string) error {
	switch v.Kind() {
	case jsonscan.String:
	case jsonscan.Missing, jsonscan.Null:
		return fmt.Errorf("%w: %s is %s", hooks.ErrNoValue, where, v.Kind())
	default:
		return malformed("%s is %s; a value is a string", where, v.Kind())
	}
	if len(v.Raw()) == len(`""`) {
		return fmt.Errorf("%w: %s is empty", hooks.ErrNoValue, where)
	}
	return nil
}

// readName reads a secret's name. That it is well-formed is the intake's to
// check, with hooks.CheckName; here it is only bounded.
func readName(v jsonscan.Value, where string) (string, error) {
	if v.Kind() != jsonscan.String {
		return "", malformed("%s is %s; a secret's name is a string", where, v.Kind())
	}
	name := v.Text()
	if name == "" || len(name) > hooks.MaxNameLen {
		return "", malformed("%s has %d bytes; a secret's name has 1 to %d", where, len(name), hooks.MaxNameLen)
	}
	return name, nil
}

// rfc3339 has the form of RFC 3339, section 5.6, in capital letters. time.Parse
// alone takes liberties: a comma, an hour of one digit, an offset of 99 hours.
var rfc3339 = lazyregexp.New(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

func parseRFC3339(v jsonscan.Value, where string) (time.Time, error) {
	return rfc3339Time(v.Text(), where)
}

func rfc3339Time(text, where string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || !rfc3339().MatchString(text) {
		return time.Time{}, malformed("%s is not a time such as 2006-01-02T15:04:05Z (RFC 3339)", where)
	}
	return at, nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", hooks.ErrMalformed, fmt.Sprintf(format, args...))
}
