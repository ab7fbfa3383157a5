package service

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/local"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/azure/sealed"
	"github.com/sealrelay/sealrelay/internal/config"
)

// ReadVault implements local.ReadVault.
func ReadVault(ctx context.Context, from local.Vault) (envelope []byte, statement string, err error) {
	account, err := signIn(from.SignIn)
	if err != nil {
		return nil, "", fmt.Errorf("--sign-in: %w", err)
	}
	vault, err := account.Vault(from.Name)
	if err != nil {
		return nil, "", err
	}
	client, err := account.Secrets(vault)
	if err != nil {
		return nil, "", err
	}
	if from.Prefix == "" {
		from.Prefix = sealed.Prefix(from.Agent)
	}
	held, err := sealed.Read(ctx, client, account.Pace(vault), from.Prefix, from.Secret)
	if errors.Is(err, azure.ErrNotFound) {
		return nil, "", fmt.Errorf("the vault has no %s, which would be agent %s's copy of %s: %w", sealed.Name(from.Prefix, from.Secret), from.Agent, from.Secret, err)
	}
	return held.Envelope, held.Statement, err
}

// signIn makes an account by a word or by a file.
func signIn(how string) (*azure.Account, error) {
	settings := azure.Settings{Path: func(path string) string { return path }}
	if how == "cli" || how == "managed-identity" {
		settings.Config.SignIn = how
		return azure.New(settings)
	}
	data, err := cli.ReadFile(how)
	if err != nil {
		return nil, fmt.Errorf("it is neither cli, managed-identity nor a file: %w", err)
	}
	var given config.Settings
	if err := yaml.Load(data, &given); err != nil {
		return nil, fmt.Errorf("%s: %w", how, err)
	}
	if err := given.Decode(&settings.Config); err != nil {
		return nil, fmt.Errorf("%s: %w", how, err)
	}
	beside := config.In(filepath.Dir(how))
	settings.Path, settings.ReadSecret = beside.Path, beside.ReadSecret
	return azure.New(settings)
}
