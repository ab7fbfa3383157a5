// Package examples has the files that a user copies: for each password manager a
// folder with its script and a README that says what to set up there.
package examples

import "embed"

// Files has README.md, for what every script needs, and a folder for each
// product of `sealrelay hook install`. Other folders are not a product's.
//
//go:embed README.md cyberark-tpc delinea env file git json keeper keeper-saas manageengine netwrix passwordstate
var Files embed.FS
