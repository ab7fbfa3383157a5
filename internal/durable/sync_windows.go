package durable

import (
	"io/fs"
	"os"
)

// syncDir does nothing: Windows has no sync of a folder.
func syncDir(*os.Root, string) error { return nil }

// chmodDir does nothing: a folder's permissions are its access control list
// on Windows, inherited from the parent.
func chmodDir(*os.File, fs.FileMode) error { return nil }
