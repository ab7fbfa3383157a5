package spool

import (
	"fmt"
	"os"
)

// checkOwner leaves who may write to the folder's access control list.
func checkOwner(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder", dir)
	}
	return err
}
