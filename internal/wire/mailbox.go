package wire

// Mailbox is the body of an answer to an agent that asks what waits for it.
type Mailbox struct {
	// Entries are in an order of their own, at most MaxMailboxPage.
	Entries []MailboxEntry `json:"entries"`
	// Next is what to ask for as `after` to get the entries behind these; empty
	// if there are none.
	Next string `json:"next,omitempty"`
	// AskedKeys asks the agent to make and register its next key. Until it has,
	// each answer says so.
	AskedKeys bool `json:"asked_keys,omitempty"`
}

// MaxMailboxPage is the largest number of entries in one Mailbox.
const MaxMailboxPage = 500

// MailboxEntry is a version of a secret that waits for its agent.
type MailboxEntry struct {
	// ID names the entry; it stays the same from version to version.
	ID        string `json:"id"`
	Secret    string `json:"secret"`
	Version   int64  `json:"version"`
	Operation string `json:"operation"`
}

// Acknowledged is the body of an answer to a receipt that is taken.
type Acknowledged struct {
	// Status is ReceiptTaken or ReceiptKnown.
	Status ReceiptStatus `json:"status"`
}

// ReceiptStatus says what became of a receipt.
type ReceiptStatus string

// The statuses of a receipt.
const (
	// ReceiptTaken: it is verified and stored.
	ReceiptTaken ReceiptStatus = "acknowledged"
	// ReceiptKnown: that version was acknowledged before; nothing has changed.
	ReceiptKnown ReceiptStatus = "known"
)
