// Package receiver is an agent's listener for pushes: POST /v1/deliveries over
// mutual TLS.
package receiver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/agent/state"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// Path is where deliveries go.
const Path = "/v1/deliveries"

const (
	// maxBody is the largest request: an envelope in base64, and its statement.
	maxBody = state.MaxEnvelope/3*4 + 64<<10
	// maxReading is how many bodies are read at once, which bounds memory.
	maxReading = 8
	// answerWithin is how long a receipt is waited for, less than the service
	// waits for an answer.
	answerWithin = 20 * time.Second
	// retryAfter is when a receipt is asked for again.
	retryAfter = 5 * time.Second
)

// Accept takes a delivery and returns the agent's receipt.
type Accept func(ctx context.Context, delivery wire.Delivery) (receipt string, err error)

type handler struct {
	accept  Accept
	reading chan struct{}
	log     zerolog.Logger
}

// New makes the handler. Who may call it is the connection's matter.
func New(accept Accept, log zerolog.Logger) http.Handler {
	h := &handler{accept: accept, reading: make(chan struct{}, maxReading), log: log}
	mux := http.NewServeMux()
	mux.HandleFunc(Path, h.serve)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { h.refuse(w, errNotFound) })
	return mux
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request) {
	defer func() {
		// The panic's own text is not logged: it could hold what was worked on.
		if cause := recover(); cause != nil {
			h.log.Error().Str("panic", fmt.Sprintf("%T", cause)).Bytes("stack", debug.Stack()).Msg("request panicked")
			h.refuse(w, errInternal)
		}
	}()
	w.Header().Set("Cache-Control", "no-store")
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	delivery, err := h.read(ctx, w, r)
	var receipt string
	if err == nil {
		receipt, err = h.accept(ctx, delivery)
	}
	if err != nil {
		h.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(wire.Receipt{Receipt: receipt}); err != nil {
		h.log.Debug().Err(err).Msg("the receipt could not be sent; the service asks again")
	}
}

func (h *handler) read(ctx context.Context, w http.ResponseWriter, r *http.Request) (wire.Delivery, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return wire.Delivery{}, errMethod
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return wire.Delivery{}, errMedia
	}
	select {
	case h.reading <- struct{}{}:
		defer func() { <-h.reading }()
	case <-ctx.Done():
		return wire.Delivery{}, errTooMany
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return wire.Delivery{}, errTooLarge
	case err != nil:
		return wire.Delivery{}, errCut
	}
	return Decode(data)
}

// Decode reads the body of a request.
func Decode(data []byte) (wire.Delivery, error) {
	var delivery wire.Delivery
	if err := json.Unmarshal(data, &delivery); err != nil || delivery.Statement == "" {
		return wire.Delivery{}, errMalformed
	}
	return delivery, nil
}

func (h *handler) refuse(w http.ResponseWriter, err error) {
	p := problemOf(err)
	if p.log {
		h.log.Error().Err(err).Msg("a delivery could not be taken")
	} else {
		h.log.Warn().Err(err).Str("problem", p.slug).Msg("a delivery was not taken")
	}
	if p.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	}
	body, err := json.Marshal(wire.Problem{Type: typeBase + p.slug, Title: p.title, Status: p.status, Detail: p.detail})
	if err != nil {
		h.log.Error().Err(err).Msg("problem could not be written")
		return
	}
	w.Header().Set("Content-Type", wire.ProblemType)
	w.WriteHeader(p.status)
	_, _ = w.Write(body) // Whoever asked is gone, or has it.
}
