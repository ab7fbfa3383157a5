package file

import (
	"fmt"
	"os/user"
	"runtime"
	"strings"

	"github.com/sealrelay/sealrelay/internal/deliver/layout"
	"github.com/sealrelay/sealrelay/internal/durable"
)

// Config is the destination's part of the configuration.
type Config struct {
	// Dir is the folder to write to. A relative path starts at the
	// configuration's folder. It is made if only its last part is missing.
	Dir string `yaml:"dir"`
	// Mode is the permission bits of the files, octal; 0600 if left out.
	Mode string `yaml:"mode"`
	// DirMode is the permission bits of the folders that are made, octal;
	// 0700 if left out. Folders that exist are left as they are.
	DirMode string `yaml:"dir_mode"`
	// Owner of files and folders that are made: "user", "user:group", or
	// numbers in their place. A user by name brings its own group, a number
	// alone keeps the group. It takes the privilege to change owners, and
	// Unix. Left out, they belong to whom the relay runs as.
	Owner string `yaml:"owner"`
	// JS7File lays out an envelope of format js7 in JS7's file mode as well, as
	// NAME.js7file: what js7_decrypt.sh reads with --infile, for values that are too
	// large for a command line. Default: false
	JS7File bool `yaml:"js7_file"`
}

// ParseOwner reads "user", "user:group" or their numbers; nil for the empty text.
func ParseOwner(text string) (*durable.Owner, error) {
	if text == "" {
		return nil, nil
	}
	if runtime.GOOS == "windows" {
		return nil, fmt.Errorf("owner cannot be set on Windows; leave it out and set the folder's access control list")
	}
	userName, groupName, withGroup := strings.Cut(text, ":")
	owner, err := lookupUser(userName)
	if err != nil {
		return nil, err
	}
	if withGroup {
		if owner.GID, err = lookupGroup(groupName); err != nil {
			return nil, err
		}
	}
	return owner, nil
}

func lookupUser(name string) (*durable.Owner, error) {
	if uid, err := layout.ParseID(name); err == nil {
		return &durable.Owner{UID: uid, GID: -1}, nil
	}
	found, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("owner: %w", err)
	}
	uid, uidErr := layout.ParseID(found.Uid)
	gid, gidErr := layout.ParseID(found.Gid)
	if uidErr != nil || gidErr != nil {
		return nil, fmt.Errorf("owner: user %q has no numeric ID", name)
	}
	return &durable.Owner{UID: uid, GID: gid}, nil
}

func lookupGroup(name string) (int, error) {
	if gid, err := layout.ParseID(name); err == nil {
		return gid, nil
	}
	found, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("owner: %w", err)
	}
	return layout.ParseID(found.Gid)
}
