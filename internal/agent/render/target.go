package render

import (
	"github.com/sealrelay/sealrelay/internal/deliver/file"
	"github.com/sealrelay/sealrelay/internal/deliver/layout"
)

// NewTarget reads mode, octal permission bits and 0600 if empty, and owner, which
// may be empty, as configurations have them.
func NewTarget(path, mode, owner string, allowDisk bool) (Target, error) {
	t := Target{Path: path, AllowDisk: allowDisk}
	var err error
	if t.Mode, err = layout.ParseMode("mode", mode, 0o600); err != nil {
		return Target{}, err
	}
	t.Owner, err = file.ParseOwner(owner)
	return t, err
}
