package main

import (
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sealrelay/sealrelay/internal/js7joc/expression"
	"github.com/sealrelay/sealrelay/internal/js7joc/joctest"
)

// cockpits are the stand-ins for JOC Cockpits of the scripts that run.
type cockpits map[*testscript.TestScript]*joctest.Server

// start starts a JOC Cockpit with the controller "controller", the account sealrelay and
// the password in joc.password; its authority is joc-ca.crt. It sets JOC to its URL.
func (c cockpits) start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: joc")
	}
	server := joctest.New("sealrelay", "j0c-tiger", "controller")
	ts.Defer(server.Close)
	c[ts] = server
	ts.Setenv("JOC", server.URL)
	for name, data := range map[string][]byte{
		"joc-ca.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), "joc.password": []byte("j0c-tiger\n"),
	} {
		ts.Check(os.WriteFile(ts.MkAbs(name), data, 0o600))
	}
}

// argument RESOURCE NAME FILE writes the text of an argument that the controller has into
// the file, once it has it.
func (c cockpits) argument(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: jocargument RESOURCE NAME FILE")
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		if text, ok := expression.Unquote(c[ts].Arguments(args[0], "controller")[args[1]]); ok && text != "" {
			ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text), 0o600))
			return
		}
		select {
		case <-look.C:
		case <-deadline.C:
			ts.Fatalf("%s has no argument %s; it has %v", args[0], args[1], c[ts].Arguments(args[0], "controller"))
		}
	}
}

// put RESOURCE FILE puts a Job Resource there; certificate ALIAS FILE AGENT... an
// encipherment certificate.
func (c cockpits) put(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: jocput RESOURCE FILE, jocput ALIAS CERTIFICATE AGENT...")
	}
	text := ts.ReadFile(args[1])
	if strings.HasPrefix(args[0], "/") {
		c[ts].Put(args[0], text)
		return
	}
	c[ts].PutCertificate(args[0], text, args[2:]...)
}

// js7Vectors DIR puts the values that JS7's own tool made into the folder, each as
// ID.value, with ID.key, the name of its private key, and ID.plain.
func js7Vectors(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: js7vectors DIR")
	}
	data, err := os.ReadFile(filepath.Join(ts.Getenv("VECTORS"), "index.json"))
	ts.Check(err)
	var index struct {
		Vectors []struct {
			ID, Mode, Value, Plaintext, PrivateKey string
			KeyPassword                            *string
		}
	}
	ts.Check(json.Unmarshal(data, &index))
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o700))
	for _, v := range index.Vectors {
		// What a shell can hold in a variable and compare.
		if v.Mode != "string" || v.KeyPassword != nil || strings.TrimRight(v.Plaintext, "\n") != v.Plaintext || v.Plaintext == "" {
			continue
		}
		for name, text := range map[string]string{"value": v.Value, "key": v.PrivateKey, "plain": v.Plaintext} {
			ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), v.ID+"."+name), []byte(text), 0o600))
		}
	}
}
