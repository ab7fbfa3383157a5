//go:build unix

// Command keeper keeps the newest version of each secret in a folder, as a
// command of the destination exec does: FOLDER/NAME.env and FOLDER/NAME.jws, NAME
// being the secret's in hexadecimal.
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

func main() {
	if err := keep(os.Args[1], os.Getenv("SEALRELAY_SECRET")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(75)
	}
}

func keep(dir, secret string) error {
	envelope, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(os.Getenv("SEALRELAY_VERSION"), 10, 64)
	if err != nil {
		return err
	}
	base := filepath.Join(dir, hex.EncodeToString([]byte(secret)))
	lock, err := os.OpenFile(base+".version", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	present, err := newest(lock)
	if err != nil || present > version {
		return err
	}
	if err := os.WriteFile(base+".jws", []byte(os.Getenv("SEALRELAY_STATEMENT")), 0o600); err != nil {
		return err
	}
	if os.Getenv("SEALRELAY_OPERATION") == "delete" {
		_ = os.Remove(base + ".env")
	} else if err := os.WriteFile(base+".env", envelope, 0o600); err != nil {
		return err
	}
	_, err = fmt.Fprintln(lock, version)
	return err
}

// newest is the version in the last line, 0 in a new file.
func newest(file io.Reader) (version int64, err error) {
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if version, err = strconv.ParseInt(lines.Text(), 10, 64); err != nil {
			return 0, err
		}
	}
	return version, lines.Err()
}
