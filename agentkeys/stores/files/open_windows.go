package files

import "io/fs"

// openFlags are none: the names of devices are no names of files in a folder.
const openFlags = 0

// fileSystem is the same for all: where another volume is mounted there is a reparse
// point, which is not followed.
func fileSystem(fs.FileInfo) any { return nil }
