package wire

// Delivery is the body of the request that brings an agent a version of a secret.
type Delivery struct {
	// Envelope is the ciphertext, in base64; absent on a delete.
	Envelope []byte `json:"envelope,omitempty"`
	// Statement is the signed statement, which says what it is.
	Statement string `json:"statement"`
}

// Receipt is the body of an agent's answer to a Delivery: its signed receipt for
// that version, or for the newer one that it has.
type Receipt struct {
	Receipt string `json:"receipt"`
}
