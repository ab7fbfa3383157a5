package scripts

import (
	"context"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

var keeperProduct = Product{
	Summary: "Keeper: a post-rotation PAM script, base64 JSON on standard input",
	Name:    "{userRecordUid}",
	Fields:  slices.Concat(keeperStrings, []string{"title", labelPrefix + "*"}),
	New:     without(Keeper{}),
}

var keeperStrings = []string{"userRecordUid", "resourceRecordUid", "providerRecordUid", "user"}

// labelPrefix begins a field that is one of the user's record, by its label.
const labelPrefix = "label:"

// Keeper is the contract of a post-rotation script of Keeper's Gateway: one line
// of base64 on standard input, ending in LF or CRLF, of a JSON object of strings
// with the member newPassword. In records it has, in base64 again, an array of
// records with all their fields; it is decoded only for a name that is made of
// title or label:LABEL, fields of the user's own record.
//
// Specification: docs.keeper.io, KeeperPAM, Post-Rotation Scripts, Inputs.
type Keeper struct{}

// Read implements Script.
func (Keeper) Read(_ context.Context, in *Input, wanted []string) ([]Change, error) {
	var change Change
	err := withStdin(in, func(line []byte) error {
		return withBase64(line, "standard input", func(text []byte) (err error) {
			root, err := parseObject(text, "the decoded standard input")
			if err != nil {
				return err
			}
			change, err = keeperChange(root, wanted)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return []Change{change}, nil
}

func keeperChange(root jsonscan.Value, wanted []string) (Change, error) {
	own, ofRecord := splitWanted(wanted)
	fields, err := stringFields(root, own)
	if err != nil {
		return Change{}, err
	}
	if err := addRecordFields(fields, root, ofRecord); err != nil {
		return Change{}, err
	}
	if err := checkOldPassword(fields, root); err != nil {
		return Change{}, err
	}
	value, err := readString(root.At(jsonscan.Pointer{"newPassword"}), "newPassword")
	return Change{Fields: fields, Value: value}, err
}

// checkOldPassword refuses a label that has the old password: the record that
// comes along is the one from before the rotation.
func checkOldPassword(fields map[string]string, root jsonscan.Value) error {
	old := root.At(jsonscan.Pointer{"oldPassword"})
	if old.Kind() != jsonscan.String {
		return nil
	}
	password := old.Secret()
	defer password.Wipe()
	for name, text := range fields {
		if err := checkNotValue(name, text, password); err != nil {
			return err
		}
	}
	return nil
}

// splitWanted tells the fields of the object from those of the user's record.
func splitWanted(wanted []string) (own, ofRecord []string) {
	for _, name := range wanted {
		if slices.Contains(keeperStrings, name) {
			own = append(own, name)
		} else {
			ofRecord = append(ofRecord, name)
		}
	}
	return own, ofRecord
}

func addRecordFields(fields map[string]string, root jsonscan.Value, wanted []string) error {
	if len(wanted) == 0 {
		return nil
	}
	encoded := root.At(jsonscan.Pointer{"records"})
	if encoded.Kind() != jsonscan.String {
		return malformed("records is %s, not a string, and the name is made of a record's field", encoded.Kind())
	}
	records, err := encoded.SecretBase64()
	if err != nil {
		return malformed("records: %v", err)
	}
	defer records.Wipe()
	uid := root.At(jsonscan.Pointer{"userRecordUid"}).Text()
	return records.Expose(func(text []byte) error { return readRecord(fields, text, uid, wanted) })
}

// readRecord reads the wanted fields of the record with that UID. Additional
// records, which have passwords of their own, are not looked at.
func readRecord(fields map[string]string, text []byte, uid string, wanted []string) error {
	root, err := jsonscan.Parse(text)
	if err != nil {
		return malformed("records: %v", err)
	}
	for record := range root.Elements() {
		if at := record.At(jsonscan.Pointer{"uid"}); at.Kind() != jsonscan.String || at.Text() != uid {
			continue
		}
		for _, name := range wanted {
			member := record.At(jsonscan.Pointer{strings.TrimPrefix(name, labelPrefix)})
			if member.Kind() != jsonscan.String {
				return malformed("the record's field %s is %s, not a string", name, member.Kind())
			}
			fields[name] = member.Text()
		}
		return nil
	}
	return malformed("records has no record of the user, and the name is made of its fields")
}
