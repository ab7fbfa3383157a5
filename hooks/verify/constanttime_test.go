package verify_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// leaky are calls that stop at the first difference. The entries that are not
// listed here, such as strings.EqualFold for the word "Bearer" and the Cut and
// Contains families for what is public, never see a credential.
var leaky = map[string]bool{
	"bytes.Equal": true, "bytes.Compare": true, "bytes.EqualFold": true, "bytes.HasPrefix": true, "bytes.HasSuffix": true,
	"strings.Compare": true, "strings.HasPrefix": true, "strings.HasSuffix": true,
	"slices.Equal": true, "slices.Compare": true, "slices.Contains": true, "slices.Index": true, "reflect.DeepEqual": true, "cmp.Compare": true,
}

// TestComparesAreConstantTime reads the package's own source: == and != are
// used against literals, constants, nil and lengths only, and none of the
// calls that leak is made. What is left to compare a MAC, a signature or a
// token with is hmac.Equal, ed25519.Verify and subtle.ConstantTimeCompare.
func TestComparesAreConstantTime(t *testing.T) {
	files, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	constantTime, checked := 0, 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		checked++
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
				if node.Tag != nil && !public(node.Tag) {
					t.Errorf("%s: switch over a variable", set.Position(node.Pos()))
				}
			case *ast.CallExpr:
				switch call := callee(node); {
				case leaky[call]:
					t.Errorf("%s: %s stops at the first difference; use hmac.Equal", set.Position(node.Pos()), call)
				case call == "hmac.Equal", call == "ed25519.Verify", call == "subtle.ConstantTimeCompare":
					constantTime++
				}
			}
			return true
		})
	}
	if checked == 0 || constantTime != 3 {
		t.Errorf("%d files have %d constant-time compares; v1, v1a and bearer should have one each", checked, constantTime)
	}
}

// public says that an operand is a literal, a constant, nil or a length.
func public(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return e.Name == "nil" || strings.HasPrefix(e.Name, "max") || strings.HasPrefix(e.Name, "min") || e.Name == "size"
	case *ast.CallExpr:
		return callee(e) == "len"
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
