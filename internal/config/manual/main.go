// Command manual writes the manual of the configuration out of the comments of
// the structs that the configuration is decoded into.
package main

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
)

//go:embed example.yaml
var example string

// section is one part of the manual: the settings of types in a folder.
type section struct {
	title, dir string
	types      []string
}

// sections are in the manual's order. Folders are relative to package config.
var sections = []section{
	{"The file", ".", []string{"Config"}},
	{"Server", ".", []string{"Server"}},
	{"Admin", ".", []string{"Admin"}},
	{"Admin token", ".", []string{"AdminToken"}},
	{"Log", ".", []string{"Log"}},
	{"Outbox", ".", []string{"Outbox"}},
	{"Delivery", ".", []string{"Delivery"}},
	{"Key policy", ".", []string{"KeyPolicy"}},
	{"Enrolment rule", ".", []string{"EnrolmentRule"}},
	{"Escrow", ".", []string{"Escrow"}},
	{"Azure", "../azure", []string{"Config"}},
	{"Store", ".", []string{"Store"}},
	{"Watch of a store", ".", []string{"Watch"}},
	{"Store of kind azure-key-vault", "../../agentkeys/stores/azurekeyvault", []string{"Config"}},
	{"Create of a store of kind azure-key-vault", "../../agentkeys/stores/azurekeyvault", []string{"Create"}},
	{"Store of kind directory", "../../agentkeys/stores/directory", []string{"Config"}},
	{"Store of kinds pkcs12 and jks", "../../agentkeys/stores/keystore", []string{"Config"}},
	{"Store of kind js7-joc", "../../agentkeys/stores/js7joc", []string{"Config"}},
	{"Store of kind script", "../../agentkeys/stores/script", []string{"Config"}},
	{"Store of kind ssh", "../../agentkeys/stores/ssh", []string{"Config"}},
	{"Store of kind tls", "../../agentkeys/stores/tls", []string{"Config"}},
	{"Job", ".", []string{"Job"}},
	{"Schedule", "../jobs/schedule", []string{"Schedule"}},
	{"Weekly schedule", "../jobs/schedule", []string{"Weekly"}},
	{"Monthly schedule", "../jobs/schedule", []string{"Monthly"}},
	{"Job of kind inventory", "../jobs/kinds", []string{"Inventory"}},
	{"Job of kind add", "../jobs/kinds", []string{"Add", "Target"}},
	{"Job of kind remove", "../jobs/kinds", []string{"Remove", "Target"}},
	{"Job of kind create", "../jobs/kinds", []string{"Create"}},
	{"Job of kind re-enrol", "../jobs/kinds", []string{"ReEnrol", "Target"}},
	{"Job of kind discover", "../jobs/kinds", []string{"Discover"}},
	{"Search of folders", "../jobs/kinds", []string{"FileSearch"}},
	{"Search for Key Vaults", "../jobs/kinds", []string{"AzureSearch"}},
	{"Job of kind tls-scan", "../jobs/kinds", []string{"TLSScan", "Sweep"}},
	{"Job of kind ssh-scan", "../jobs/kinds", []string{"SSHScan", "Sweep"}},
	{"Job of kind fetch-logs", "../jobs/kinds", []string{"FetchLogs"}},
	{"Job of kind custom", "../jobs/kinds", []string{"Custom"}},
	{"Job of kind ca-sync", "../jobs/kinds", []string{"CASync"}},
	{"Command", "../jobs/command", []string{"Command"}},
	{"Parameter of a command", "../jobs/command", []string{"Parameter"}},
	{"Authority", ".", []string{"Authority"}},
	{"Source", ".", []string{"Source"}},
	{"Client certificate", ".", []string{"ClientCertificate"}},
	{"Scheme standard-webhooks", "../../hooks/verify", []string{"StandardWebhooks", "secretsConfig", "standardWebhooksConfig"}},
	{"Scheme hmac", "../../hooks/verify", []string{"HMAC", "secretsConfig"}},
	{"Schemes github and doppler", "../../hooks/verify", []string{"presetConfig", "secretsConfig"}},
	{"Schemes stripe and infisical", "../../hooks/verify", []string{"timedPresetConfig", "secretsConfig"}},
	{"Scheme bearer", "../../hooks/verify", []string{"Bearer", "tokensConfig"}},
	{"Scheme basic", "../../hooks/verify", []string{"Basic", "basicConfig"}},
	{"Scheme api-key", "../../hooks/verify", []string{"APIKey", "tokensConfig"}},
	{"Scheme client-certificate", "../../hooks/verify", []string{"ClientCertificate", "clientCertificateConfig"}},
	{"Scheme oidc-jwt", "../../hooks/verify", []string{"OIDC"}},
	{"Scheme entra-jwt", "../../hooks/verify", []string{"Entra"}},
	{"Scheme http-message-signatures", "../../hooks/verify", []string{"messageSignaturesConfig"}},
	{"Key of a signature", "../../hooks/verify", []string{"signatureKeyConfig", "SignatureKey", "Key", "Window"}},
	{"Keys of an issuer", "../../hooks/internal/jwks", []string{"Config"}},
	{"Pin of a certificate", "../../hooks/verify", []string{"CertificatePin", "Window"}},
	{"Key of a scheme", "../../hooks/verify", []string{"keyConfig", "Key", "Window"}},
	{"Adapter json", "../../hooks/adapters", []string{"JSON"}},
	{"Adapter push", "../../hooks/adapters", []string{"Push"}},
	{"Adapter cloudevents", "../../hooks/adapters", []string{"CloudEvents"}},
	{"Adapter eso-push", "../../hooks/adapters", []string{"ESOPush"}},
	{"Adapters that tell of change", "../../hooks/adapters", []string{"Names"}},
	{"Adapters akeyless and delinea-platform", "../../hooks/adapters", []string{"Mapping", "Names"}},
	{"Adapter azure-event-grid", "../../hooks/adapters", []string{"AzureEventGrid", "Names"}},
	{"Adapter keeper-alert", "../../hooks/adapters", []string{"KeeperAlert", "Names"}},
	{"Adapter set-push", "../../hooks/adapters", []string{"SETPush", "Names"}},
	{"Agent", ".", []string{"Agent"}},
	{"Key", ".", []string{"Key"}},
	{"Destination", ".", []string{"Destination"}},
	{"Destination of kind file", "../deliver/file", []string{"Config"}},
	{"Destination of kind https", "../deliver/https", []string{"Config"}},
	{"Destination of kind sftp", "../deliver/sftp", []string{"Config"}},
	{"Destination of kind exec", "../deliver/exec", []string{"Config"}},
	{"Destination of kind js7-joc", "../deliver/js7joc", []string{"Config"}},
	{"Access to a JOC Cockpit", "../js7joc", []string{"Access"}},
	{"Destination of kind azure-key-vault", "../deliver/azurekeyvault", []string{"Config"}},
	{"Group", ".", []string{"Group"}},
	{"Route", ".", []string{"Route"}},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: manual FILE")
		os.Exit(2)
	}
	text, err := manual(".")
	if err == nil {
		err = os.WriteFile(os.Args[1], []byte(text), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

// manual is the whole text; base is the folder of package config.
func manual(base string) (string, error) {
	var b strings.Builder
	b.WriteString("# Configuration\n\n<!-- Made from the comments in internal/config by `go generate ./...`; edit those. -->\n\n" +
		"sealrelay reads one YAML file. An unknown key is an error, a path is relative to the file's folder, a duration is written like `90s` or `1h30m`. " +
		"`sealrelay config check` says everything that is wrong with it; SIGHUP reads it again, and a bad one changes nothing.\n\n" +
		"A whole one:\n\n```yaml\n" + example + "```\n")
	for _, s := range sections {
		if err := s.write(&b, base); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func (s section) write(b *strings.Builder, base string) error {
	fmt.Fprintf(b, "\n## %s\n", s.title)
	var fields []*ast.Field
	for i, name := range s.types {
		declared, doc, err := find(filepath.Join(base, s.dir), name)
		if err != nil {
			return err
		}
		if i == 0 {
			fmt.Fprintf(b, "\nThis%s\n", strings.TrimRight(strings.TrimPrefix(doc, name), "\n"))
		}
		fields = append(fields, declared.Fields.List...)
	}
	keys := map[string]string{}
	for _, field := range fields {
		if key := keyOf(field); key != "" {
			keys[field.Names[0].Name] = key
		}
	}
	if len(keys) > 0 {
		b.WriteString("\n| setting | type | meaning |\n|---|---|---|\n")
	}
	for _, field := range fields {
		if key := keyOf(field); key != "" {
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, typeOf(field.Type), meaning(field, keys))
		}
	}
	return nil
}

// find returns the struct of that name and its comment.
func find(dir, name string) (*ast.StructType, string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, "", err
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return nil, "", err
		}
		for _, decl := range parsed.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.TYPE {
				continue
			}
			spec := group.Specs[0].(*ast.TypeSpec)
			if declared, ok := spec.Type.(*ast.StructType); ok && spec.Name.Name == name {
				return declared, group.Doc.Text(), nil
			}
		}
	}
	return nil, "", fmt.Errorf("%s has no struct %s", dir, name)
}

// keyOf is the field's key in the file, empty if it has none: what is embedded
// is a section's other type. The one inline map stands for the kind's name.
func keyOf(field *ast.Field) string {
	if field.Tag == nil || len(field.Names) == 0 {
		return ""
	}
	key := reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("yaml")
	switch key {
	case ",inline":
		return "KIND"
	case "-":
		return ""
	}
	return key
}

// word finds what may be the name of a field in Go.
var word = regexp.MustCompile(`\b[A-Z]\w+`)

// meaning is the field's comment on one line, with the keys of the file in
// place of the fields' names.
func meaning(field *ast.Field, keys map[string]string) string {
	text := word.ReplaceAllStringFunc(field.Doc.Text(), func(name string) string {
		if key, ok := keys[name]; ok {
			return "`" + key + "`"
		}
		return name
	})
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "\\|")
}

// typeOf says in words what a setting takes.
func typeOf(expr ast.Expr) string {
	switch t := expr.(type) {
	case *ast.StarExpr:
		return typeOf(t.X)
	case *ast.ArrayType:
		return "list of " + typeOf(t.Elt)
	case *ast.MapType:
		return "mapping of name to " + typeOf(t.Value)
	case *ast.SelectorExpr:
		switch t.Sel.Name {
		case "Duration":
			return "duration"
		case "Time":
			return "time"
		}
		return "text"
	case *ast.Ident:
		words := map[string]string{
			"string": "text", "bool": "true or false", "int": "whole number", "int64": "whole number",
			"float64": "number", "Settings": "settings",
		}
		if word, ok := words[t.Name]; ok {
			return word
		}
		return linked(t.Name)
	}
	return ""
}

// linked is a link to the section of a struct.
func linked(name string) string {
	for _, s := range sections {
		if s.types[0] == name {
			return fmt.Sprintf("[%s](#%s)", strings.ToLower(s.title), strings.ReplaceAll(strings.ToLower(s.title), " ", "-"))
		}
	}
	return strings.ToLower(name)
}
