package keys_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

func ExampleNew() {
	pair, err := keys.New("ed25519-x25519", keys.NewOptions{Password: []byte("correct horse")})
	if err != nil {
		panic(err)
	}
	defer clear(pair.Private)
	private, err := keys.ParsePrivate(pair.Private, []byte("correct horse"))
	if err != nil {
		panic(err)
	}
	public, err := keys.PublicOf(private)
	if err != nil {
		panic(err)
	}
	fmt.Println(keys.Kind(public), bytes.Count(pair.Private, []byte("BEGIN ENCRYPTED PRIVATE KEY")))
	// Output: X25519 2
}

func ExampleInspect() {
	pair, err := keys.New("ec-secp256k1", keys.NewOptions{})
	if err != nil {
		panic(err)
	}
	entries, err := keys.Inspect(pair.Private, keys.Options{})
	if err != nil {
		panic(err)
	}
	for _, entry := range entries {
		fmt.Println(entry.Public.Kind(), entry.Public.Container, entry.Private, keys.Bits(entry.Public.Key))
	}
	// Output: EC secp256k1 PKCS#8 key true 256
}

func ExampleMarshalPKCS12() {
	pair, err := keys.New("ec-p256", keys.NewOptions{})
	if err != nil {
		panic(err)
	}
	certificate, err := keys.SelfSigned(pair.Keys[0], "agent1", time.Now(), time.Now().AddDate(2, 0, 0))
	if err != nil {
		panic(err)
	}
	password := []byte("correct horse")
	keystore, err := keys.MarshalPKCS12(pair.Keys[0], certificate, "agent", password)
	if err != nil {
		panic(err)
	}
	publics, err := keys.ParsePublics(keystore, keys.Options{Password: password, Alias: "Agent"})
	if err != nil {
		panic(err)
	}
	fmt.Println(len(publics), publics[0].Certificate.Subject)
	// Output: 1 CN=agent1
}

func ExampleTemplate_Request() {
	pair, err := keys.New("ec-p384", keys.NewOptions{})
	if err != nil {
		panic(err)
	}
	subject, err := keys.ParseSubject(`CN=agent1,O=Example\, Inc.`)
	if err != nil {
		panic(err)
	}
	request, err := keys.Template{Subject: subject, Names: []string{"agent1.example.org"}}.Request(pair.Keys[0])
	if err != nil {
		panic(err)
	}
	_, err = keys.ParsePublic(request)
	fmt.Println(err)
	// Output: malformed key: the file is a certificate signing request; give the certificate or the key
}
