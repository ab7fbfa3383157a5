package service

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/audit"
)

func newAudit() *cobra.Command {
	return cli.Parent("audit", "Look at the audit log", newAuditList(), newAuditVerify())
}

func newAuditList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "Print the audit log, a line for each row", Args: cli.Arguments(cobra.NoArgs)}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	from := cmd.Flags().Int64("from", 1, "begin with this row `number`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		print := printRow
		if *asJSON {
			print = printRowJSON
		}
		err = store.Audit(cmd.Context(), *from, func(row audit.Row) error { return print(cmd.OutOrStdout(), row) })
		return errors.Join(err, store.Close())
	}
	return cmd
}

// printRow prints a row in words. The log has no bound, so it is printed as it
// is read, and not as a table.
func printRow(out io.Writer, row audit.Row) error {
	var entry audit.Entry
	if err := json.Unmarshal(row.Entry, &entry); err != nil {
		return fmt.Errorf("row %d cannot be read: %w; see `sealrelay audit verify`", row.Seq, err)
	}
	line := fmt.Sprintf("%d  %s  %s  by %s", row.Seq, cli.TimeText(entry.At), entry.Kind, entry.Actor)
	if entry.Secret != "" {
		line += "  " + entry.Secret
	}
	if entry.Version != 0 {
		line += fmt.Sprintf("  version %d (%s)", entry.Version, entry.Operation)
	}
	if len(entry.Agents) > 0 {
		line += "  for " + strings.Join(entry.Agents, ", ")
	}
	if entry.Destination != "" {
		line += "  at " + entry.Destination
	}
	if entry.Store != "" {
		line += "  in store " + entry.Store
	}
	if entry.Alias != "" {
		line += fmt.Sprintf("  entry %q", entry.Alias)
	}
	if entry.Detail != "" {
		line += ": " + entry.Detail
	}
	_, err := fmt.Fprintln(out, line)
	return err
}

func printRowJSON(out io.Writer, row audit.Row) error {
	return json.NewEncoder(out).Encode(struct {
		Seq   int64           `json:"seq"`
		Entry json.RawMessage `json:"entry"`
		Hash  string          `json:"hash"`
	}{row.Seq, row.Entry, hex.EncodeToString(row.Hash[:])})
}

// chainView is what `audit verify` found. Without a problem, the head is the
// last row's.
type chainView struct {
	OK      bool   `json:"ok"`
	Problem string `json:"problem,omitempty"`
	Rows    int64  `json:"rows,omitempty"`
	Head    string `json:"head,omitempty"`
}

func newAuditVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Walk the hash chain of the audit log",
		Long: `Walk the hash chain of the audit log from its first row and print its head as
SEQ:HASH. An edited, inserted, removed or reordered row is found, and the command
exits with 4.

Rows cut off at the end, or a log rewritten whole, can only be found by comparing
with a head noted elsewhere: keep the one that this prints, and give it the next
time with --expect.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	expect := cmd.Flags().String("expect", "", "a head noted earlier, `SEQ:HASH`, which must still be in the chain")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		want, err := parseHead(*expect)
		if err != nil {
			return err
		}
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		var chain audit.Chain
		found := *expect == ""
		err = store.Audit(cmd.Context(), 1, func(row audit.Row) error {
			found = found || row.Seq == want.Seq && row.Hash == want.Hash
			return chain.Next(row)
		})
		err = errors.Join(err, store.Close())
		var broken *audit.BrokenError
		if err != nil && !errors.As(err, &broken) {
			return err
		}
		last := chain.Head()
		view := chainView{OK: true, Rows: last.Seq, Head: fmt.Sprintf("%d:%s", last.Seq, hex.EncodeToString(last.Hash[:]))}
		switch {
		case broken != nil:
			view = chainView{Problem: broken.Error()}
		case !found:
			view = chainView{Problem: fmt.Sprintf("the head noted earlier, row %d, is not in the log any more: rows were cut off, or the log was rewritten", want.Seq)}
		}
		return printChain(cmd, view, *asJSON)
	}
	return cmd
}

func printChain(cmd *cobra.Command, view chainView, asJSON bool) error {
	var err error
	if asJSON {
		err = cli.PrintJSON(cmd, view)
	} else if view.OK {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d rows, the chain holds\nhead %s\n", view.Rows, view.Head)
	}
	if err == nil && !view.OK {
		return cli.Attentionf("%s", view.Problem)
	}
	return err
}

func parseHead(text string) (audit.Row, error) {
	var row audit.Row
	if text == "" {
		return row, nil
	}
	number, hash, _ := strings.Cut(text, ":")
	seq, errSeq := strconv.ParseInt(number, 10, 64)
	sum, errHash := hex.DecodeString(hash)
	if errSeq != nil || errHash != nil || len(sum) != len(row.Hash) || seq < 1 {
		return row, cli.UsageErrorf("--expect %q is not SEQ:HASH as `audit verify` prints it", text)
	}
	row.Seq = seq
	copy(row.Hash[:], sum)
	return row, nil
}
