package local

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

// progress shows on standard error how far a long command is, if that is a
// terminal. It is for one goroutine.
type progress struct {
	stderr io.Writer
	bars   *mpb.Progress // nil where nothing is shown
	bar    *mpb.Bar
}

// newProgress begins to show how much of from is done with.
func newProgress(cmd *cobra.Command, from io.Reader) *progress {
	p := &progress{stderr: cmd.ErrOrStderr()}
	if !cli.IsTerminal(p.stderr) {
		return p
	}
	p.bars = mpb.NewWithContext(cmd.Context(), mpb.WithOutput(p.stderr), mpb.WithWidth(64))
	if size := inputSize(from); size > 0 {
		p.bar = p.bars.AddBar(size,
			mpb.PrependDecorators(decor.Name("sealing "), decor.CountersKibiByte("% .1f of % .1f")),
			mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.AverageETA(decor.ET_STYLE_GO), decor.Name(" left")))
		return p
	}
	p.bar = p.bars.AddSpinner(0,
		mpb.PrependDecorators(decor.Name("sealing "), decor.CurrentKibiByte("% .1f"), decor.Name(" ")),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO)))
	return p
}

func (p *progress) add(bytes int) {
	if p.bar != nil {
		p.bar.IncrBy(bytes)
	}
}

// printf prints above the bar.
func (p *progress) printf(format string, args ...any) {
	to := p.stderr
	if p.bars != nil {
		to = p.bars
	}
	fmt.Fprintf(to, format, args...)
}

// close leaves the bar as it is and waits until it is drawn.
func (p *progress) close() {
	if p.bars == nil {
		return
	}
	p.bar.Abort(false)
	p.bars.Wait()
}
