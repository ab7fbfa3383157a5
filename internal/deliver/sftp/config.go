package sftp

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/sealrelay/sealrelay/internal/deliver/layout"
)

// Config is the destination's part of the configuration.
type Config struct {
	// Host is the SSH server's name or address. Required.
	Host string `yaml:"host"`
	// Port is the server's. Default: 22
	Port int `yaml:"port"`
	// User is whom to log in as. Required.
	User string `yaml:"user"`
	// KnownHostsFile has the host's keys, or the authority of its certificates,
	// as OpenSSH's known_hosts does: hashed names and revoked keys too. It is
	// read at each connection. Required.
	KnownHostsFile string `yaml:"known_hosts_file"`
	// KeyFile is the private key to log in with, in any form that OpenSSH
	// reads. Either this or ssh_agent is required.
	KeyFile string `yaml:"key_file"`
	// PassphraseFile has the passphrase of KeyFile, if it is encrypted.
	PassphraseFile string `yaml:"passphrase_file"`
	// SSHAgent logs in with the keys of the SSH agent whose socket the
	// environment variable SSH_AUTH_SOCK of the service names.
	SSHAgent bool `yaml:"ssh_agent"`
	// Dir is the folder to write to. A relative path starts where the server
	// puts the user after the login. It is made if only its last part is missing.
	// Required.
	Dir string `yaml:"dir"`
	// Mode is the permission bits of the files, octal. Default: 0600
	Mode string `yaml:"mode"`
	// DirMode is the permission bits of the folders that are made, octal.
	// Folders that exist are left as they are. Default: 0700
	DirMode string `yaml:"dir_mode"`
	// Owner of files and folders that are made: the numbers of a user and a
	// group of the host, "1000:1000". The server must let the user give files
	// away, which as a rule only root may. Left out, they belong to the user.
	Owner string `yaml:"owner"`
}

// owner is whom a new file or folder belongs to.
type owner struct{ uid, gid int }

// dressing is what new files and folders are to look like.
type dressing struct {
	file, made fs.FileMode
	owner      *owner
}

func (c *Config) check() error {
	for _, setting := range []struct{ name, value, hint string }{
		{"host", c.Host, "name the SSH server"},
		{"user", c.User, "name whom to log in as"},
		{"known_hosts_file", c.KnownHostsFile, "name the file with the host's key"},
		{"dir", c.Dir, "name the folder to write to"},
	} {
		if setting.value == "" {
			return fmt.Errorf("%s is missing: %s", setting.name, setting.hint)
		}
	}
	c.Port = cmp.Or(c.Port, 22)
	if c.Port < 1 || c.Port > 65535 {
		return fmt.Errorf("port %d is none; give one from 1 to 65535", c.Port)
	}
	if (c.KeyFile == "") == !c.SSHAgent {
		return errors.New("give either key_file or ssh_agent: true, to log in with")
	}
	if c.PassphraseFile != "" && c.KeyFile == "" {
		return errors.New("passphrase_file is that of key_file, which is missing")
	}
	c.Dir = path.Clean(c.Dir)
	return nil
}

func (c *Config) dressing() (dressing, error) {
	mode, err := layout.ParseMode("mode", c.Mode, 0o600)
	if err != nil {
		return dressing{}, err
	}
	dirMode, err := layout.ParseMode("dir_mode", c.DirMode, 0o700)
	if err != nil {
		return dressing{}, err
	}
	owner, err := parseOwner(c.Owner)
	return dressing{mode, dirMode, owner}, err
}

func parseOwner(text string) (*owner, error) {
	if text == "" {
		return nil, nil
	}
	user, group, _ := strings.Cut(text, ":")
	uid, userErr := layout.ParseID(user)
	gid, groupErr := layout.ParseID(group)
	if userErr != nil || groupErr != nil {
		return nil, fmt.Errorf("owner %q is not the numbers of a user and a group of the host; write them as in \"1000:1000\"", text)
	}
	return &owner{uid, gid}, nil
}
