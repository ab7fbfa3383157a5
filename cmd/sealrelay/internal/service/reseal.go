package service

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/local"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/agent"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func newReseal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reseal --identity FILE",
		Short: "Seal secrets anew from their copies in escrow, without the password manager",
		Long: `Open the copies in escrow with the private half of the configuration's escrow key,
and seal them for the keys that agents have now. Without --secret and --agent it takes
those that ` + "`sealrelay secrets list --needs-push`" + ` lists. Each becomes the next version of
its secret, for everybody who gets it; a service that runs delivers it within five
seconds.

It needs the configuration, its signing key and the outbox, and so runs where the
service does; nothing that is opened leaves its memory. Exits with 4 if a secret has no
copy in escrow.`,
		Example: "  sealrelay reseal --identity /media/usb/escrow.key --agent web",
		Args:    cli.Arguments(cobra.NoArgs),
	}
	var which selection
	path, asJSON, identities := cli.ConfigFlag(cmd), cli.JSONFlag(cmd), local.AddIdentityFlags(cmd, "identity")
	cmd.Flags().StringVar(&which.secret, "secret", "", "only the secret of this `name`, whether anybody needs it or not")
	cmd.Flags().StringVar(&which.agent, "agent", "", "all that this `agent` gets")
	cmd.MarkFlagsMutuallyExclusive("secret", "agent")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		privates, err := identities.Read(cmd)
		if err != nil {
			return err
		}
		store, err := openOutbox(cmd, *path)
		if err != nil {
			return err
		}
		results, err := resealAll(cmd.Context(), *path, store, privates, which)
		err = errors.Join(err, store.Close())
		if err != nil && len(results) == 0 {
			return err
		}
		return errors.Join(err, printResealed(cmd, results, *asJSON)) // What was done before it failed is done.
	}
	return cmd
}

// selection is which secrets to seal anew; its zero value stands for those that
// somebody needs.
type selection struct{ secret, agent string }

// resealed is what came of one secret.
type resealed struct {
	Secret  string              `json:"secret"`
	Version int64               `json:"version,omitempty"`
	Agents  []wire.AgentOutcome `json:"agents,omitempty"`
	Problem string              `json:"problem,omitempty"`
}

// resealer seals secrets anew.
type resealer struct {
	store    outbox.Outbox
	intake   *intake.Intake
	privates []any
	issuer   string
	service  ed25519.PublicKey
}

func resealAll(ctx context.Context, path string, store outbox.Outbox, privates []any, which selection) ([]resealed, error) {
	cfg, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	if _, ok := cfg.Agents[which.agent]; !ok && which.agent != "" {
		return nil, fmt.Errorf("the configuration has no agent %q; `sealrelay agents list` has those there are", which.agent)
	}
	in, err := app.Resealer(ctx, cfg, store, zerolog.Nop())
	if err != nil {
		return nil, cli.WithCode(err, cli.ExitFailed) // Not that of a key that it names.
	}
	service, err := app.Service(cfg)
	if err != nil {
		return nil, err
	}
	public, _ := service.Key.Public().(ed25519.PublicKey)
	clear(service.Key)
	r := &resealer{store: store, intake: in, privates: privates, issuer: service.Issuer, service: public}
	secrets, err := r.chosen(ctx, which)
	if err != nil {
		return nil, err
	}
	results := []resealed{}
	for _, s := range secrets {
		result, err := r.reseal(ctx, s)
		if err != nil {
			return results, fmt.Errorf("secret %s: %w", s.name, err)
		}
		results = append(results, result)
	}
	return results, nil
}

// chosenSecret is a secret and the source by which it is routed.
type chosenSecret struct{ name, source string }

func (r *resealer) chosen(ctx context.Context, which selection) ([]chosenSecret, error) {
	var chosen []chosenSecret
	if which == (selection{}) {
		err := standing.Needs(ctx, r.store, outbox.SecretFilter{}, r.intake.Rules().Receivers, func(need standing.Need) {
			chosen = append(chosen, chosenSecret{need.Secret, need.Source})
		})
		return chosen, err
	}
	err := standing.Each(ctx, r.store, outbox.SecretFilter{Name: which.secret}, func(c *outbox.Copies) {
		source := standing.Source(c)
		gets := func(t agentkeys.Target) bool { return t.Agent == which.agent }
		if !c.Deleted && (which.agent == "" || slices.ContainsFunc(r.intake.Rules().Receivers(source, c.Secret), gets)) {
			chosen = append(chosen, chosenSecret{c.Secret, source})
		}
	})
	if err == nil && which.secret != "" && len(chosen) == 0 {
		err = fmt.Errorf("there is no secret %q, or it was deleted; `sealrelay secrets list` has those there are", which.secret)
	}
	return chosen, err
}

// reseal seals one secret anew. What keeps only this one from it is told in the
// result, and the others go on.
func (r *resealer) reseal(ctx context.Context, s chosenSecret) (resealed, error) {
	result := resealed{Secret: s.name}
	copied, err := r.store.Escrow(ctx, s.name)
	if errors.Is(err, outbox.ErrNotFound) {
		result.Problem = "the latest version has no copy in escrow; have it pushed again"
		return result, nil
	}
	if err != nil {
		return result, err
	}
	value, err := agent.OpenBound(r.privates, copied.Envelope, copied.Statement, statement.Claims{
		Issuer: r.issuer, Agent: agentkeys.Escrow, Secret: s.name, Version: copied.Version, Operation: string(hooks.Set),
	}, r.service)
	if err != nil {
		return result, fmt.Errorf("open the copy in escrow: %w", err)
	}
	answer, err := r.intake.Reseal(ctx, intake.Reseal{
		Secret: s.name, Version: copied.Version, Value: value, Source: s.source, Operator: operator(), At: time.Now(),
	})
	switch {
	case errors.Is(err, outbox.ErrConflict), errors.Is(err, intake.ErrNoRoute):
		result.Problem = err.Error()
		return result, nil
	case err != nil:
		return result, err
	}
	result.Version, result.Agents = answer.Version, answer.Agents
	return result, nil
}

func printResealed(cmd *cobra.Command, results []resealed, asJSON bool) error {
	problems := 0
	var rows [][]string
	for _, result := range results {
		if result.Problem != "" {
			problems++
			rows = append(rows, []string{result.Secret, "-", "-", "-", result.Problem})
		}
		for _, agent := range result.Agents {
			rows = append(rows, []string{result.Secret, strconv.FormatInt(result.Version, 10), agent.Agent, string(agent.Outcome), cli.Dash(agent.Detail)})
		}
	}
	var err error
	if asJSON {
		err = cli.PrintJSON(cmd, results)
	} else {
		err = cli.PrintTable(cmd, []string{"SECRET", "VERSION", "AGENT", "OUTCOME", "DETAIL"}, rows)
	}
	if err == nil && problems > 0 {
		err = cli.Attentionf("%d of %d secrets were not sealed anew", problems, len(results))
	}
	return err
}
