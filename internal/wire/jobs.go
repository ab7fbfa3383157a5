package wire

import "encoding/json"

// Claimed is the body of an answer to an agent that asks for a run of a job.
type Claimed struct {
	// Run is what the agent is to do now; nil if nothing came to be due.
	Run *Run `json:"run"`
}

// Run is a run of a job that an agent is to do.
type Run struct {
	ID string `json:"id"`
	// Fence says which claim of the run it is. Whatever the agent tells of the run
	// names it.
	Fence int64  `json:"fence"`
	Job   string `json:"job"`
	// Kind says what is to be done, Settings, a JSON object, with what.
	Kind     string          `json:"kind"`
	Settings json.RawMessage `json:"settings"`
	// TimeoutSeconds bounds this claim of the run.
	TimeoutSeconds int64 `json:"timeout_seconds"`
}

// Extended is the body of an answer to an agent that goes on with a run.
type Extended struct {
	// Stop says that the run is to stop.
	Stop bool `json:"stop"`
}

// Signed is the body of an answer to a request for a certificate.
type Signed struct {
	// Certificates are the certificate and those it was issued by, PEM.
	Certificates string `json:"certificates"`
}

// MaxSigningRequest bounds a request for a certificate, in bytes of PEM.
const MaxSigningRequest = 64 << 10

// MaxRunEnd bounds the body that says how a run ended, in bytes.
const MaxRunEnd = 64 << 10
