package jwe

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/sealrelay/sealrelay/crypto/internal/strictjson"
)

// What is wrong with an envelope that cannot be read.
var (
	errNotFive    = errors.New("the compact form has five parts with a dot between them")
	errMembers    = errors.New("the JSON form has members that do not belong there")
	errRecipients = errors.New("it must have 1 to 100 recipients")
	errEmpty      = errors.New("a header is empty, too large or not an object")
)

// The members of RFC 7516, section 7.2, in the order in which they are written.
type (
	jsonEnvelope struct {
		Protected    string          `json:"protected"`
		Unprotected  json.RawMessage `json:"unprotected,omitempty"`
		Recipients   []jsonRecipient `json:"recipients,omitempty"`
		Header       json.RawMessage `json:"header,omitempty"`
		EncryptedKey string          `json:"encrypted_key,omitempty"`
		AAD          string          `json:"aad,omitempty"`
		IV           string          `json:"iv"`
		Ciphertext   string          `json:"ciphertext"`
		Tag          string          `json:"tag"`
	}
	jsonRecipient struct {
		Header       json.RawMessage `json:"header,omitempty"`
		EncryptedKey string          `json:"encrypted_key,omitempty"`
	}
)

// json writes the flattened serialization (section 7.2.2) for one recipient,
// the general one for several.
func (e *envelope) json() ([]byte, error) {
	out := jsonEnvelope{
		Protected:   string(e.protected),
		Unprotected: e.unprotected,
		AAD:         string(e.aad),
		IV:          base64.RawURLEncoding.EncodeToString(e.iv),
		Ciphertext:  base64.RawURLEncoding.EncodeToString(e.ciphertext),
		Tag:         base64.RawURLEncoding.EncodeToString(e.tag),
	}
	for _, each := range e.recipients {
		out.Recipients = append(out.Recipients, jsonRecipient{each.header, base64.RawURLEncoding.EncodeToString(each.encryptedKey)})
	}
	if len(out.Recipients) == 1 {
		out.Header, out.EncryptedKey = out.Recipients[0].Header, out.Recipients[0].EncryptedKey
		out.Recipients = nil
	}
	return json.Marshal(out)
}

func parseJSON(data []byte) (*envelope, error) {
	object, err := strictjson.Parse(data)
	if err != nil {
		return nil, err
	}
	e := &envelope{}
	if e.protected, err = object.Base64("protected"); err != nil {
		return nil, err
	}
	if e.unprotected, err = headerText(object, "unprotected"); err != nil {
		return nil, err
	}
	if _, found := object["aad"]; found {
		if _, err := object.Bytes("aad"); err != nil {
			return nil, err
		}
		e.aad, _ = object.Base64("aad")
	}
	if e.iv, err = part(object, "iv"); err != nil {
		return nil, err
	}
	if e.ciphertext, err = part(object, "ciphertext"); err != nil {
		return nil, err
	}
	if e.tag, err = part(object, "tag"); err != nil {
		return nil, err
	}
	if e.recipients, err = parseRecipients(object); err != nil {
		return nil, err
	}
	return e, nil
}

// part reads a member that must be there, and may be empty.
func part(object strictjson.Object, name string) ([]byte, error) {
	text, err := object.Base64(name)
	if err != nil {
		return nil, err
	}
	return strictjson.Decode(text)
}

// parseRecipients reads the recipients of the general serialization, or the one
// of the flattened.
func parseRecipients(object strictjson.Object) ([]addressee, error) {
	shared := []string{"protected", "unprotected", "aad", "iv", "ciphertext", "tag"}
	objects := []strictjson.Object{object}
	own := append(shared, "header", "encrypted_key")
	if _, general := object["recipients"]; general {
		var err error
		if objects, err = object.Array("recipients"); err != nil {
			return nil, err
		}
		if !object.Only(append(shared, "recipients", "encrypted_key")...) || !repeatsFirst(object, objects) {
			return nil, errMembers
		}
		own = []string{"header", "encrypted_key"}
	}
	if len(objects) == 0 || len(objects) > maxRecipients {
		return nil, errRecipients
	}
	recipients := make([]addressee, len(objects))
	for i, each := range objects {
		if !each.Only(own...) {
			return nil, errMembers
		}
		var err error
		if recipients[i].header, err = headerText(each, "header"); err != nil {
			return nil, err
		}
		if _, found := each["encrypted_key"]; !found {
			continue // As dir and ECDH-ES have it, which are refused by name.
		}
		if recipients[i].encryptedKey, err = each.Bytes("encrypted_key"); err != nil {
			return nil, err
		}
	}
	return recipients, nil
}

// repeatsFirst says whether the encrypted_key beside the recipients, which does
// not belong there, is missing or that of the first of them: go-jose writes it.
func repeatsFirst(object strictjson.Object, recipients []strictjson.Object) bool {
	key, found := object["encrypted_key"]
	return !found || len(recipients) > 0 && bytes.Equal(key, recipients[0]["encrypted_key"])
}

// headerText returns a header as it was written; nil if there is none.
func headerText(object strictjson.Object, name string) (json.RawMessage, error) {
	raw, found := object[name]
	if !found {
		return nil, nil
	}
	header, err := strictjson.Parse(raw)
	if err != nil || len(header) == 0 || len(raw) > maxHeader {
		return nil, errEmpty
	}
	return json.RawMessage(raw), nil
}

// detectJSON looks at the name of the first member, and for one that a JWS,
// the other JSON of JOSE, does not have: the whole may not be there.
func detectJSON(data []byte) bool {
	text := bytes.TrimLeft(data, " \t\r\n{")
	for _, first := range []string{"protected", "unprotected", "recipients", "header", "encrypted_key", "aad", "iv", "ciphertext", "tag"} {
		if bytes.HasPrefix(text, []byte(`"`+first+`"`)) {
			return bytes.Contains(text, []byte(`"ciphertext"`)) || bytes.Contains(text, []byte(`"encrypted_key"`))
		}
	}
	return false
}
