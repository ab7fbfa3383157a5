package local

import (
	"errors"
	"os"

	"github.com/sealrelay/sealrelay/internal/durable"
)

// outputFile is one of several files that belong together.
type outputFile struct {
	name string
	data []byte
	mode os.FileMode
}

// writeAll writes the files in their order; if one cannot be written, those
// before it are removed again.
func writeAll(files []outputFile) error {
	for i, file := range files {
		err := durable.WritePath(file.name, file.data, durable.Options{Mode: file.mode})
		if err == nil {
			continue
		}
		for _, written := range files[:i] {
			err = errors.Join(err, os.Remove(written.name))
		}
		return err
	}
	return nil
}
