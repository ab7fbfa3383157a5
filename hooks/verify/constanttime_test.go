package verify_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// leaky are calls that stop at the first difference. The entries that are not
// listed here, such as strings.EqualFold for the word "Bearer" and the Cut and
// Contains families for what is public, never see a credential.
var leaky = map[string]bool{
	"bytes.Equal": true, "bytes.Compare": true, "bytes.EqualFold": true, "bytes.HasPrefix": true, "bytes.HasSuffix": true,
	"strings.Compare": true, "strings.HasPrefix": true, "strings.HasSuffix": true,
	"slices.Equal": true, "slices.Compare": true, "slices.Contains": true, "slices.Index": true, "reflect.DeepEqual": true, "cmp.Compare": true,
}

// comparing are the files that compare what is secret, with how often they do.
var comparing = map[string]int{
	"infisical.go":              1, // what the header and the signed body say
	"jwt.go":                    1, // the claims, which are not secret
	"messagesignatures.go":      1, // digests, and what is not secret
	"signaturealgorithms.go":    4,
	"mac.go":                    1,
	"signatures.go":             2, // v1 and v1a
	"tokens.go":                 1,
	"../../internal/pin/pin.go": 1,
}

// TestComparesAreConstantTime reads the package's own source: == and != are
// used against literals, constants, nil, lengths and truth values only, switches
// have such cases only, and none of the calls that leak is made. What is left to
// compare a MAC, a signature or a token with is hmac.Equal, subtle.ConstantTimeCompare
// and the signatures' own.
func TestComparesAreConstantTime(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, name := range append(files, "../../internal/pin/pin.go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.BinaryExpr:
				equality := node.Op == token.EQL || node.Op == token.NEQ
				if equality && !public(node.X) && !public(node.Y) {
					t.Errorf("%s: == of two variables; use hmac.Equal", set.Position(node.Pos()))
				}
			case *ast.SwitchStmt:
				if node.Tag != nil && !publicCases(node) {
					t.Errorf("%s: switch with a variable as a case", set.Position(node.Pos()))
				}
			case *ast.CallExpr:
				switch call := callee(node); {
				case leaky[call]:
					t.Errorf("%s: %s stops at the first difference; use hmac.Equal", set.Position(node.Pos()), call)
				case call == "hmac.Equal", call == "ed25519.Verify", call == "ecdsa.Verify", call == "rsa.VerifyPSS", call == "subtle.ConstantTimeCompare":
					found[name]++
				}
			}
			return true
		})
	}
	if diff := cmp.Diff(comparing, found); diff != "" {
		t.Errorf("constant-time compares, -want +got:\n%s", diff)
	}
}

// publicCases says that a switch compares with what is public only.
func publicCases(node *ast.SwitchStmt) bool {
	for _, clause := range node.Body.List {
		for _, e := range clause.(*ast.CaseClause).List {
			if !public(e) {
				return false
			}
		}
	}
	return true
}

// public says that an operand is a literal, a constant, nil, a length, or a
// comparison in parentheses, which is looked at by itself. Of packages http,
// jsonscan and x509, the schemes compare with constants only.
func public(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return e.Name == "nil" || strings.HasPrefix(e.Name, "max") || strings.HasPrefix(e.Name, "min") || e.Name == "size"
	case *ast.CallExpr:
		return callee(e) == "len"
	case *ast.SelectorExpr:
		pkg, ok := e.X.(*ast.Ident)
		return ok && (pkg.Name == "jsonscan" || pkg.Name == "http" || pkg.Name == "x509")
	case *ast.ParenExpr:
		_, comparison := e.X.(*ast.BinaryExpr)
		return comparison
	}
	return false
}

func callee(call *ast.CallExpr) string {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		if pkg, ok := fun.X.(*ast.Ident); ok {
			return pkg.Name + "." + fun.Sel.Name
		}
	}
	return ""
}
