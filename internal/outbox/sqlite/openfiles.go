package sqlite

import (
	"fmt"
	"io/fs"
	"os"
)

// openFiles are the files that the writer has open, the database and its log.
// Unix lets them be removed or replaced meanwhile, as by a restored backup, and
// SQLite goes on writing to the old ones.
type openFiles []openFile

type openFile struct {
	path string
	info fs.FileInfo
}

// statFiles is called once the connection has read the schema, for which it
// opened the log too.
func statFiles(path string) (openFiles, error) {
	var files openFiles
	for _, path := range []string{path, path + "-wal"} {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		files = append(files, openFile{path, info})
	}
	return files, nil
}

// check says whether the files are where a restart will look for them.
func (f openFiles) check() error {
	for _, file := range f {
		info, err := os.Stat(file.path)
		if err != nil {
			return fmt.Errorf("the file in use was removed: %w", err)
		}
		if !os.SameFile(info, file.info) {
			return fmt.Errorf("the file in use was replaced: %s is another one now", file.path)
		}
	}
	return nil
}
