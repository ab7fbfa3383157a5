package agentcmd

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/agent/child"
	"github.com/sealrelay/sealrelay/internal/agent/render"
	"github.com/sealrelay/sealrelay/internal/lazyregexp"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// The names of variables and files that a command can be given.
var (
	variableRule = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)
	fileRule     = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)
)

// execFlags say which secrets a command gets, and how.
type execFlags struct{ variables, descriptors, files []string }

func newExec() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec [--secret NAME=ENV]... [--secret-fd NAME=N]... [--secret-file NAME=FILE]... -- COMMAND [ARGUMENT]...",
		Short: "Run a command with secrets",
		Long: `Open secrets now, and run a command that has their values in environment
variables, on file descriptors (3 to 63, to be read once), or in files of a folder
on tmpfs that is the command's alone; SEALRELAY_FILES names the folder. Standard
streams, signals and the exit code are the command's; 128 and the signal's number
if a signal ended it, 127 if it was not found, 126 if it could not be run. The
folder is gone when the command has ended.`,
		Example: `  sealrelay agent exec --secret prod/db/orders=DB_PASSWORD -- ./job.sh
  sealrelay agent exec --secret-file prod/db/orders=pw -- sh -c 'job --password-file "$SEALRELAY_FILES/pw"'`,
		Args: cli.Arguments(cobra.MinimumNArgs(1)),
	}
	cmd.Flags().SetInterspersed(false)
	path := configFlag(cmd)
	f := &execFlags{}
	cmd.Flags().StringArrayVar(&f.variables, "secret", nil, "the secret `NAME=ENV` in an environment variable")
	cmd.Flags().StringArrayVar(&f.descriptors, "secret-fd", nil, "the secret `NAME=N` on a file descriptor")
	cmd.Flags().StringArrayVar(&f.files, "secret-file", nil, "the secret `NAME=FILE` in a file of the command's folder")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		copies, err := load(*path)
		if err != nil {
			return err
		}
		command, err := f.command(args, copies.Open)
		if err != nil {
			return errors.Join(err, copies.Close())
		}
		if err := copies.Close(); err != nil {
			return err
		}
		return run(command)
	}
	return cmd
}

func run(command child.Command) error {
	code, err := child.Run(command)
	var unstarted *child.StartError
	switch {
	case errors.As(err, &unstarted):
		return cli.WithCode(err, unstarted.Code)
	case err != nil:
		return err
	case code != 0:
		return cli.WithCode(cli.ErrSilent, code)
	}
	return nil
}

// split parts NAME=TO at the last equals sign, since a secret's name can have one.
func split(flag, text string) (secret, to string, err error) {
	at := strings.LastIndexByte(text, '=')
	if at < 1 {
		return "", "", cli.UsageErrorf("--%s takes NAME=%s", flag, map[string]string{"secret": "ENV", "secret-fd": "N", "secret-file": "FILE"}[flag])
	}
	return text[:at], text[at+1:], nil
}

// check refuses what no command can be given, before anything is opened.
func (f *execFlags) check() error {
	taken := map[string]bool{}
	for _, use := range []struct {
		flag  string
		texts []string
		check func(to string) error
	}{
		{"secret", f.variables, checkVariable},
		{"secret-fd", f.descriptors, checkDescriptor},
		{"secret-file", f.files, checkFile},
	} {
		for _, text := range use.texts {
			_, to, err := split(use.flag, text)
			if err == nil {
				err = use.check(to)
			}
			if err != nil {
				return err
			}
			if taken[use.flag+to] {
				return cli.UsageErrorf("--%s: %s is given twice", use.flag, to)
			}
			taken[use.flag+to] = true
		}
	}
	if len(taken) == 0 {
		return cli.UsageErrorf("which secrets does the command get? give --secret, --secret-fd or --secret-file")
	}
	return nil
}

func checkVariable(name string) error {
	if !variableRule().MatchString(name) || name == child.FolderVariable {
		return cli.UsageErrorf("--secret: after the last = there is no name of an environment variable")
	}
	return nil
}

func checkDescriptor(number string) error {
	if n, err := strconv.Atoi(number); err != nil || n < 3 || n > child.MaxDescriptor || strconv.Itoa(n) != number {
		return cli.UsageErrorf("--secret-fd: after the last = there is no number from 3 to %d", child.MaxDescriptor)
	}
	return nil
}

func checkFile(name string) error {
	if !fileRule().MatchString(name) || !filepath.IsLocal(name) {
		return cli.UsageErrorf("--secret-file: after the last = there is no name of a file; it takes letters, digits and ._-, and no folder: $%s is where it is", child.FolderVariable)
	}
	return nil
}

// command opens the secrets. Its flags were checked. On an error nothing is left
// open.
func (f *execFlags) command(args []string, open render.Opener) (command child.Command, err error) {
	command.Args = args
	var opened []*secretbytes.Value
	one := func(flag, text string) (to string, value *secretbytes.Value) {
		if err != nil {
			return "", nil
		}
		var secret string
		if secret, to, err = split(flag, text); err != nil {
			return "", nil
		}
		if value, err = open(secret); err != nil {
			err = fmt.Errorf("secret %q: %w", secret, err)
		}
		opened = append(opened, value)
		return to, value
	}
	for _, text := range f.variables {
		name, value := one("secret", text)
		command.Variables = append(command.Variables, child.Variable{Name: name, Value: value})
	}
	for _, text := range f.descriptors {
		number, value := one("secret-fd", text)
		n, _ := strconv.Atoi(number) // It was checked.
		command.Descriptors = append(command.Descriptors, child.Descriptor{Number: n, Value: value})
	}
	for _, text := range f.files {
		name, value := one("secret-file", text)
		command.Files = append(command.Files, child.File{Name: name, Value: value})
	}
	if err != nil {
		for _, value := range opened {
			value.Wipe()
		}
	}
	return command, err
}
