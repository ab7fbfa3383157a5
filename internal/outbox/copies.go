package outbox

import "time"

// Copy is what the outbox knows of one destination's copy of a secret.
type Copy struct {
	At               Destination
	State            State
	Version          int64
	DeliveredVersion int64
	// Format and KeyID are how Version is sealed, or would be if it were not
	// blocked; Reason is the row's.
	Format string
	KeyID  string
	Reason string
	Source string
	// Opens says that the key could open a version that was sealed for it: one
	// is here, or was on its way. A copy that was blocked from the first version
	// on opens nothing.
	Opens bool
}

// Copies are the latest version of a secret and every copy of any version.
type Copies struct {
	Secret     string
	Version    int64
	Deleted    bool
	ReceivedAt time.Time
	// Copies are sorted by agent and destination.
	Copies []Copy
}
