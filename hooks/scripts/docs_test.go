package scripts_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/hooks/scripts"
)

// TestDocumentedProducts: the manual's table has each product, with its name and
// fields.
func TestDocumentedProducts(t *testing.T) {
	manual, err := os.ReadFile("../../docs/hook-scripts.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z][a-z-]*)` \\|.*$").FindAllStringSubmatch(string(manual), -1) {
		rows[row[1]] = row[0]
	}
	for name, product := range scripts.Table {
		want := []string{"| none |"}
		if product.Name != "" {
			want = []string{"| `" + product.Name + "` |"}
		}
		for _, field := range product.Fields {
			if field == "label:*" {
				field = "label:LABEL"
			}
			if field == "*" {
				want = append(want, "| every ")
			} else {
				want = append(want, "`"+field+"`")
			}
		}
		if product.Caution != "" {
			want = append(want, "not confirmed")
		}
		for _, text := range want {
			if !strings.Contains(rows[name], text) {
				t.Errorf("the manual's row of %s lacks %q: %s", name, text, rows[name])
			}
		}
	}
	if len(rows) != len(scripts.Table) {
		t.Errorf("the manual has %d products, there are %d", len(rows), len(scripts.Table))
	}
}
