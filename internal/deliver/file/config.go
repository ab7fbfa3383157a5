package file

import (
	"fmt"
	"io/fs"
	"os/user"
	"runtime"
	"strconv"
	"strings"

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
}

func parseMode(setting, text string, unset fs.FileMode) (fs.FileMode, error) {
	if text == "" {
		return unset, nil
	}
	mode, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 32)
	if err != nil || mode > 0o777 {
		return 0, fmt.Errorf("%s %q is not permission bits; write them in octal, as in \"0640\"", setting, text)
	}
	return fs.FileMode(mode), nil
}

func parseOwner(text string) (*durable.Owner, error) {
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
	if uid, err := parseID(name); err == nil {
		return &durable.Owner{UID: uid, GID: -1}, nil
	}
	found, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("owner: %w", err)
	}
	uid, uidErr := parseID(found.Uid)
	gid, gidErr := parseID(found.Gid)
	if uidErr != nil || gidErr != nil {
		return nil, fmt.Errorf("owner: user %q has no numeric ID", name)
	}
	return &durable.Owner{UID: uid, GID: gid}, nil
}

func lookupGroup(name string) (int, error) {
	if gid, err := parseID(name); err == nil {
		return gid, nil
	}
	found, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("owner: %w", err)
	}
	return parseID(found.Gid)
}

// parseID takes what chown takes: 32 bits, and not the one that means "leave".
func parseID(text string) (int, error) {
	id, err := strconv.ParseUint(text, 10, 31)
	return int(id), err
}
