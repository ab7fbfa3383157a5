// Package examples has the files that a user copies: for each password manager a
// folder with its script and a README that says what to set up there.
package examples

import "embed"

// Files has README.md, for what every script needs, and a folder for each
// product of `sealrelay hook install`.
//
//go:embed README.md */README.md */*.sh */*.ps1 */*.py */*.hcl git/post-commit
var Files embed.FS
