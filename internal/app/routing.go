package app

import (
	"errors"

	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/intake"
)

// Routing reads who gets what, with the keys of agents and groups, and nothing
// else that the configuration names. Its sources can verify nothing.
func Routing(cfg *config.Config) (*intake.Rules, error) {
	b := &builder{cfg: cfg}
	var sources []*intake.Source
	for name, from := range cfg.Sources {
		sources = append(sources, &intake.Source{Name: name, MayWrite: from.MayWrite, Labels: from.Labels})
	}
	registry, escrow := b.registry(), b.escrow()
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	return intake.NewRules(sources, registry, b.routes()).WithEscrow(escrow), nil
}
