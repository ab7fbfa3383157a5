package formats_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/crypto/formats"
)

// TestDocs: the document of the formats names each of them with its algorithms
// and forms, as the table does.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, format := range formats.All {
		for _, algorithm := range format.Algorithms {
			row := rowOf(text, "| "+algorithm.Name+" |")
			switch {
			case row == "":
				t.Errorf("%s: %s is not in a row of a table", format.Name, algorithm.Name)
			case strings.Contains(row, "post-quantum") != algorithm.PostQuantum,
				strings.Contains(row, "legacy") != algorithm.Legacy,
				strings.Contains(row, "opened only") != algorithm.OpenOnly:
				t.Errorf("%s: %+v, and the row is %s", format.Name, algorithm, row)
			}
		}
		var forms []string
		for _, form := range format.Forms {
			forms = append(forms, "`"+form.Name+"`")
		}
		if rowOf(text, "| `"+format.Name+"` | "+strings.Join(forms, ", ")) == "" {
			t.Errorf("%s: forms %v are not in a row of a table", format.Name, forms)
		}
	}
}

// rowOf is the line that has the text in it.
func rowOf(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}
