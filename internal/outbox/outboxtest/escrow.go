package outboxtest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// escrowed is change with a copy in escrow.
func escrowed(secret string, version int64, n int, agents ...string) outbox.Change {
	c := change(secret, version, n, agents...)
	c.Escrow = &outbox.Sealed{
		Agent: "(escrow)", Destination: "(escrow)", Format: "age", KeyID: "key-escrow",
		Envelope: fmt.Appendf(nil, "escrow %s %d", secret, version), Statement: fmt.Sprintf("statement %s %d", secret, version),
	}
	return c
}

func (s *store) wantEscrow(secret string, version int64) {
	s.t.Helper()
	got, err := s.Escrow(s.t.Context(), secret)
	if version == 0 {
		if !errors.Is(err, outbox.ErrNotFound) {
			s.t.Fatalf("escrow of %s: version %d, %v; want ErrNotFound", secret, got.Version, err)
		}
		return
	}
	if err != nil {
		s.t.Fatal(err)
	}
	equal(s.t, "escrow", got, outbox.Escrow{
		Secret: secret, Version: version, Format: "age", KeyID: "key-escrow",
		Envelope: fmt.Appendf(nil, "escrow %s %d", secret, version), Statement: fmt.Sprintf("statement %s %d", secret, version),
	})
}

func escrow(t *testing.T, s *store) {
	s.wantEscrow("db", 0)
	s.commit(escrowed("db", 1, 0, "web"), escrowed("other", 1, 0, "web"))
	s.wantEscrow("db", 1)
	s.commit(escrowed("db", 2, 1, "web"))
	s.wantEscrow("db", 2)
	if err := s.Commit(t.Context(), escrowed("db", 2, 2, "web")); err == nil {
		t.Fatal("committed twice")
	}
	// A version without a copy leaves none of the one before.
	s.commit(change("db", 3, 3, "web"))
	s.wantEscrow("db", 0)
	s.commit(escrowed("db", 4, 4, "web"))
	deletion := change("db", 5, 5, "web")
	deletion.Operation = "delete"
	s.commit(deletion)
	s.wantEscrow("db", 0)
	s.wantEscrow("other", 1)
	equal(t, "rows for agents", len(s.claim(10, 10, time.Minute)), 2)
}

func dropEscrow(t *testing.T, s *store) {
	drop := func(want int) {
		t.Helper()
		n, err := s.DropEscrow(t.Context(), audit.Entry{At: at(9), Kind: audit.EscrowDropped, Actor: "service"})
		if err != nil || n != want {
			t.Fatalf("dropped %d, %v; want %d", n, err, want)
		}
	}
	s.commit(change("plain", 1, 0, "web"))
	drop(0)
	before := len(s.rows())
	s.commit(escrowed("a", 1, 0, "web"), escrowed("b", 1, 0, "web"))
	drop(2)
	drop(0)
	s.wantEscrow("a", 0)
	equal(t, "audit rows", len(s.rows())-before, 3)
}
