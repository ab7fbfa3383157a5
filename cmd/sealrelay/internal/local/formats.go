package local

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
)

// formatView is what is told of a format.
type formatView struct {
	Name              string          `json:"name"`
	Extension         string          `json:"extension"`
	Legacy            bool            `json:"legacy"`
	SeveralRecipients bool            `json:"several_recipients"`
	Streams           bool            `json:"streams"`
	Forms             []string        `json:"forms"`
	Algorithms        []algorithmView `json:"algorithms"`
}

type algorithmView struct {
	Name        string `json:"name"`
	Keys        string `json:"keys"`
	PostQuantum bool   `json:"post_quantum"`
	Legacy      bool   `json:"legacy"`
	OpenOnly    bool   `json:"open_only"`
}

func newFormats() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "formats",
		Short: "List the envelope formats, their algorithms and the keys they take",
		Args:  cli.Arguments(cobra.NoArgs),
	}
	asJSON := cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var views []formatView
		for _, format := range formats.All {
			views = append(views, viewOf(format))
		}
		if *asJSON {
			return cli.PrintJSON(cmd, views)
		}
		var rows [][]string
		for _, view := range views {
			name, forms := view.Name, strings.Join(view.Forms, ", ")
			for _, algorithm := range view.Algorithms {
				rows = append(rows, []string{cli.Dash(name), algorithm.Name, algorithm.Keys, algorithm.notes(view), forms})
				name, forms = " ", " "
			}
		}
		return cli.PrintTable(cmd, []string{"FORMAT", "ALGORITHM", "KEYS", "NOTES", "FORMS"}, rows)
	}
	return cmd
}

func viewOf(format crypto.Format) formatView {
	view := formatView{
		Name: format.Name, Extension: format.Extension, Legacy: format.Legacy,
		SeveralRecipients: format.SealTo != nil, Streams: format.Stream != nil,
	}
	for _, form := range format.Forms {
		view.Forms = append(view.Forms, form.Name)
	}
	for _, algorithm := range format.Algorithms {
		view.Algorithms = append(view.Algorithms, algorithmView(algorithm))
	}
	return view
}

func (a algorithmView) notes(of formatView) string {
	var notes []string
	if a.PostQuantum {
		notes = append(notes, "post-quantum")
	}
	if a.Legacy || of.Legacy {
		notes = append(notes, "legacy")
	}
	if a.OpenOnly {
		notes = append(notes, "opened only")
	}
	return cli.Dash(strings.Join(notes, ", "))
}
