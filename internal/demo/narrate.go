package demo

import (
	"fmt"
	"io"
)

// narration remembers that something could not be told: a demo that nobody
// could follow has not shown anything.
type narration struct {
	to  io.Writer
	err error
}

func (n *narration) Write(text []byte) (int, error) {
	if n.err == nil {
		_, n.err = n.to.Write(text)
	}
	return len(text), nil
}

// title begins a step.
func (d *demo) title(text string) {
	d.step++
	fmt.Fprintf(d.Out, "\n%d. %s\n", d.step, text)
}

// command is what a user would type for it.
func (d *demo) command(text string) { fmt.Fprintf(d.Out, "   $ %s\n", text) }

// result is what came of it.
func (d *demo) result(format string, args ...any) {
	fmt.Fprintf(d.Out, "     "+format+"\n", args...)
}

// say is a remark outside the steps.
func (d *demo) say(text string) { fmt.Fprintf(d.Out, "\n%s\n", text) }

func (d *demo) sayKept() {
	d.say("The configuration is in " + d.Keep + ". Go on with:")
	d.command("cd " + d.Keep)
	d.command("sealrelay serve &")
	d.command(`printf %s my-new-password | sealrelay push ` + secretName + " --url https://127.0.0.1:8443/v1/hooks/password-manager --secret-file hook.secret --ca-file ca.crt")
	d.command("sealrelay deliveries list")
	d.command(agents[0].openCommand())
}
