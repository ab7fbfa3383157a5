package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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
	cmd := &cobra.Command{Use: "list", Short: "Print the audit log as JSON lines", Args: cli.Arguments(cobra.NoArgs)}
	path := cli.ConfigFlag(cmd)
	from := cmd.Flags().Int64("from", 1, "begin with this row `number`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		encoder := json.NewEncoder(cmd.OutOrStdout())
		err = store.Audit(cmd.Context(), *from, func(row audit.Row) error {
			return encoder.Encode(struct {
				Seq   int64           `json:"seq"`
				Entry json.RawMessage `json:"entry"`
				Hash  string          `json:"hash"`
			}{row.Seq, row.Entry, hex.EncodeToString(row.Hash[:])})
		})
		return errors.Join(err, store.Close())
	}
	return cmd
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
		if errors.As(err, &broken) {
			return cli.Attentionf("%v", broken)
		}
		if err != nil {
			return err
		}
		if !found {
			return cli.Attentionf("the head noted earlier, row %d, is not in the log any more: rows were cut off, or the log was rewritten", want.Seq)
		}
		last := chain.Head()
		head := fmt.Sprintf("%d:%s", last.Seq, hex.EncodeToString(last.Hash[:]))
		if *asJSON {
			return cli.PrintJSON(cmd, map[string]any{"ok": true, "rows": last.Seq, "head": head})
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d rows, the chain holds\nhead %s\n", last.Seq, head)
		return err
	}
	return cmd
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
