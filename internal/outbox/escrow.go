package outbox

// Escrow is the copy of a secret's latest version for the escrow key.
type Escrow struct {
	Secret  string
	Version int64
	Format  string
	KeyID   string
	// Envelope and Statement are the copy and what binds it to the rest.
	Envelope  []byte
	Statement string
}
