// Command onlyseal seals standard input for one recipient and does nothing
// else: what sealing costs as a process, for sealrelay encrypt to be compared
// with.
//
//	onlyseal age RECIPIENT
//	onlyseal js7 FILE        an SPKI public key, PEM
package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"os"

	"filippo.io/age"

	"github.com/sealrelay/sealrelay/crypto/js7"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(format, recipient string) error {
	plaintext, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if format == "age" {
		return sealAge(recipient, plaintext)
	}
	return sealJS7(recipient, plaintext)
}

func sealAge(recipient string, plaintext []byte) error {
	key, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return err
	}
	w, err := age.Encrypt(os.Stdout, key)
	if err != nil {
		return err
	}
	_, err = w.Write(plaintext)
	return errors.Join(err, w.Close())
}

func sealJS7(file string, plaintext []byte) error {
	data, err := os.ReadFile(file) //nolint:gosec // Its one user names the file.
	if err != nil {
		return err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return errors.New("not a PEM file")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return err
	}
	recipient, err := js7.NewRecipient(key)
	if err != nil {
		return err
	}
	envelope, err := recipient.Seal(plaintext)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(append(envelope, '\n'))
	return err
}
