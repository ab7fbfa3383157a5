package local

import (
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto"
)

// formFlags say how an envelope is written.
type formFlags struct {
	form       string
	armor, raw bool
}

func addFormFlags(cmd *cobra.Command) *formFlags {
	f := &formFlags{}
	cmd.Flags().BoolVarP(&f.armor, "armor", "a", false, "write the envelope as text (age, openpgp, cms)")
	cmd.Flags().BoolVar(&f.raw, "raw", false, "write the envelope as bytes (age, openpgp, cms)")
	cmd.Flags().StringVar(&f.form, "form", "", "write the envelope in this `form`; `sealrelay formats` lists those of each format")
	cmd.MarkFlagsMutuallyExclusive("armor", "raw", "form")
	return f
}

// of returns how to write an envelope of the format, nil for as it was sealed.
func (f *formFlags) of(format crypto.Format) (*crypto.Form, error) {
	name := f.form
	switch {
	case f.armor:
		name = "armor"
	case f.raw:
		name = "raw"
	case name == "":
		return nil, nil
	}
	var names []string
	for i, form := range format.Forms {
		if form.Name == name {
			return &format.Forms[i], nil
		}
		names = append(names, form.Name)
	}
	return nil, cli.UsageErrorf("format %s has no form %q; it has %q", format.Name, name, names)
}
