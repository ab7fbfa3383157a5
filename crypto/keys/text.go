package keys

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"

	"filippo.io/age"
	"filippo.io/age/plugin"
)

// readText returns the keys of a file of lines: age recipients, age identities,
// SSH public keys, or bare base64. Empty lines and comments are passed over. No error repeats a
// line: it may be anything, a password too.
func readText(data []byte, with *unlocker, options Options) ([]item, error) {
	text := string(data)
	if isRFC4716(text) {
		return []item{publicItem("an SSH public key", SSH, func() (any, error) { return parseRFC4716(text) })}, nil
	}
	if what := notKey(bytes.TrimSpace(data)); what != "" {
		return nil, fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	if der, found := bareBase64(data); found {
		return readDER(der, with)
	}
	var items []item
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		next, known := readLine(line, options)
		if !known {
			return nil, fmt.Errorf("%w: %s", ErrMalformed, describe(data))
		}
		items = append(items, next)
	}
	if items == nil {
		return nil, fmt.Errorf("%w: the file is empty", ErrMalformed)
	}
	return items, nil
}

// bareBase64 returns the DER in a file that has only its base64, in one line or
// folded, as PEM without its frame: JS7 takes public keys so.
func bareBase64(data []byte) ([]byte, bool) {
	text := bytes.Join(bytes.Fields(data), nil)
	if !bytes.HasPrefix(text, []byte("M")) { // the first of a SEQUENCE
		return nil, false
	}
	der, err := base64.StdEncoding.Strict().DecodeString(string(text))
	return der, err == nil && shapeOf(der) != ""
}

func readLine(line string, options Options) (item, bool) {
	switch {
	case isSSHLine(line):
		return publicItem("an SSH public key", SSH, func() (any, error) { return parseSSHLine(line) }), true
	case strings.HasPrefix(line, "age1"):
		return publicItem("an age recipient", AgeKey, func() (any, error) { return parseAgeRecipient(line, options.plugin()) }), true
	case strings.HasPrefix(strings.ToUpper(line), "AGE-SECRET-KEY-"), strings.HasPrefix(strings.ToUpper(line), "AGE-PLUGIN-"):
		return privateItem("an age identity", AgeKey, func() (any, error) { return parseAgeIdentity(line, options.plugin()) }), true
	}
	return item{}, false
}

// parseAgeRecipient reads a recipient of age or of one of its plugins
// (https://c2sp.org/age-plugin): in age1NAME1..., 1 is no Bech32 digit.
func parseAgeRecipient(line string, ui *plugin.ClientUI) (any, error) {
	var key any
	var err error
	switch {
	case strings.HasPrefix(line, "age1pq1"):
		key, err = age.ParseHybridRecipient(line)
	case strings.Count(line, "1") > 1:
		key, err = plugin.NewRecipient(line, ui)
	default:
		key, err = age.ParseX25519Recipient(line)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: age recipient has a typing error or is cut off", ErrMalformed)
	}
	return key, nil
}

func parseAgeIdentity(line string, ui *plugin.ClientUI) (any, error) {
	var key any
	var err error
	switch {
	case strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-1"):
		key, err = age.ParseHybridIdentity(line)
	case strings.HasPrefix(line, "AGE-PLUGIN-"):
		key, err = plugin.NewIdentity(line, ui)
	default:
		key, err = age.ParseX25519Identity(line)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: age identity has a typing error or is cut off", ErrMalformed)
	}
	return key, nil
}
