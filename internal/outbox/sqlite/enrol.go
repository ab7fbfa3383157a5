package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

const enrolmentColumns = `agent, state, public, key_id, signing, invitation, endorser, requested_at, decided_at, decided_by, asked_at, csr`

// Invite implements outbox.Outbox.
func (o *Outbox) Invite(ctx context.Context, invitation outbox.Invitation, entry audit.Entry) error {
	_, err := o.audited(ctx, entry, func(t *tx) (int64, error) {
		return 1, t.conn.once(`INSERT OR REPLACE INTO invitations (agent, digest, expires_at) VALUES (?, ?, ?)`, nil,
			invitation.Agent, invitation.Digest, micros(invitation.ExpiresAt))
	})
	return err
}

// Enrol implements outbox.Outbox. An invitation that nobody knows costs a read
// only: anybody can send one.
func (o *Outbox) Enrol(ctx context.Context, e outbox.Enrolment) (outbox.Enrolment, error) {
	if err := o.invited(ctx, e); err != nil {
		return outbox.Enrolment{}, err
	}
	var kept outbox.Enrolment
	err := o.writer.do(ctx, len(e.Public), func(t *tx) (err error) {
		kept, err = t.enrol(e)
		return err
	})
	if err != nil {
		return outbox.Enrolment{}, err
	}
	return kept, nil
}

func (o *Outbox) invited(ctx context.Context, e outbox.Enrolment) error {
	if e.Invitation == nil {
		return nil
	}
	found := false
	err := o.read(ctx, func(r *reader) error {
		return r.conn.once(`SELECT 1 FROM invitations WHERE agent = ?1 AND digest = ?2
			UNION ALL SELECT 1 FROM enrolments WHERE invitation = ?2 AND agent = ?1`,
			func([]driver.Value) error { found = true; return nil }, e.Agent, e.Invitation)
	})
	if err == nil && !found {
		return outbox.ErrNotInvited
	}
	return err
}

func (t *tx) enrol(e outbox.Enrolment) (outbox.Enrolment, error) {
	known, err := t.enrolments(e.Agent)
	if err != nil {
		return e, err
	}
	var present *outbox.Enrolment
	for i := range known {
		k := &known[i]
		if bytes.Equal(k.Signing, e.Signing) && k.KeyID == e.KeyID && bytes.Equal(k.Invitation, e.Invitation) {
			return *k, nil // its answer was lost, or it is asked what became of it
		}
		if k.State == outbox.Approved {
			present = k
		}
	}
	if err := t.entitled(&e, present); err != nil {
		return e, err
	}
	if e.State == outbox.Approved && e.Invitation != nil && present != nil {
		e.State = outbox.Requested // another key needs more than an invitation
	}
	return e, t.insertEnrolment(&e)
}

// entitled uses up the invitation, or compares the key that vouches.
func (t *tx) entitled(e *outbox.Enrolment, present *outbox.Enrolment) error {
	if e.Invitation == nil {
		if present == nil || !bytes.Equal(present.Signing, e.Endorser) {
			return outbox.ErrNotInvited
		}
		return nil
	}
	found := false
	err := t.conn.once(`DELETE FROM invitations WHERE agent = ? AND digest = ? AND expires_at > ? RETURNING 1`,
		func([]driver.Value) error { found = true; return nil }, e.Agent, e.Invitation, micros(e.RequestedAt))
	if err == nil && !found {
		return outbox.ErrNotInvited
	}
	return err
}

func (t *tx) insertEnrolment(e *outbox.Enrolment) error {
	entry := audit.Entry{
		At: e.RequestedAt, Kind: audit.AgentKeyRequested, Actor: "agent/" + e.Agent, Agents: []string{e.Agent},
		Detail: "key " + e.KeyID + ", by invitation",
	}
	if e.Invitation == nil {
		entry.Detail = "key " + e.KeyID + ", signed by the key before"
	}
	switch e.State {
	case outbox.Approved:
		entry.Kind = audit.AgentKeyApproved
	case outbox.Denied:
		entry.Kind = audit.AgentKeyDenied
	}
	if e.State != outbox.Requested {
		e.DecidedAt, e.DecidedBy = e.RequestedAt, "rule"
		if e.Invitation == nil && e.State == outbox.Approved {
			e.DecidedBy = "agent/" + e.Agent
		}
	}
	if err := t.replaceEnrolments(e.Agent, e.State); err != nil {
		return err
	}
	err := t.conn.once(`INSERT INTO enrolments (`+enrolmentColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)`, nil,
		e.Agent, string(e.State), e.Public, e.KeyID, e.Signing, blob(e.Invitation), blob(e.Endorser), micros(e.RequestedAt), optional(e.DecidedAt), e.DecidedBy, e.CSR)
	if err != nil {
		return fmt.Errorf("write the enrolment: %w", err)
	}
	encoded, err := audit.Encode(entry)
	if err != nil {
		return err
	}
	return t.audit(encoded)
}

// replaceEnrolments makes room for one in that state.
func (t *tx) replaceEnrolments(agent string, state outbox.EnrolmentState) error {
	if state == outbox.Denied {
		return nil
	}
	query := `UPDATE enrolments SET state = 'replaced' WHERE agent = ? AND state IN ('pending')`
	if state == outbox.Approved {
		query = `UPDATE enrolments SET state = 'replaced' WHERE agent = ? AND state IN ('pending', 'approved')`
	}
	return t.conn.once(query, nil, agent)
}

// Decide implements outbox.Outbox.
func (o *Outbox) Decide(ctx context.Context, agent, keyID string, state outbox.EnrolmentState, certificate string, entry audit.Entry) error {
	if state != outbox.Approved && state != outbox.Denied {
		return fmt.Errorf("an enrolment cannot be decided as %q", state)
	}
	changed, err := o.audited(ctx, entry, func(t *tx) (int64, error) {
		var id int64
		err := t.conn.once(`SELECT id FROM enrolments WHERE agent = ? AND key_id = ? AND state = 'pending'`,
			func(row []driver.Value) error { id = row[0].(int64); return nil }, agent, keyID)
		if err != nil || id == 0 {
			return 0, err
		}
		if state == outbox.Approved {
			if err := t.replaceEnrolments(agent, state); err != nil {
				return 0, err
			}
		}
		return 1, t.conn.once(`UPDATE enrolments SET state = ?1, decided_at = ?2, decided_by = ?3, public = iif(?4 = '', public, ?4) WHERE id = ?5`, nil,
			string(state), micros(entry.At), entry.Actor, certificate, id)
	})
	if err == nil && changed == 0 {
		return outbox.ErrNotFound
	}
	return err
}

// AskKeys implements outbox.Outbox.
func (o *Outbox) AskKeys(ctx context.Context, agent string, entry audit.Entry) error {
	changed, err := o.audited(ctx, entry, func(t *tx) (asked int64, err error) {
		err = t.conn.once(`UPDATE enrolments SET asked_at = ? WHERE agent = ? AND state = 'approved' RETURNING 1`,
			func([]driver.Value) error { asked = 1; return nil }, micros(entry.At), agent)
		return asked, err
	})
	if err == nil && changed == 0 {
		return outbox.ErrNotFound
	}
	return err
}

// Enrolments implements outbox.Outbox.
func (o *Outbox) Enrolments(ctx context.Context) ([]outbox.Enrolment, error) {
	var found []outbox.Enrolment
	err := o.read(ctx, func(r *reader) error {
		return r.conn.once(`SELECT `+enrolmentColumns+` FROM enrolments ORDER BY agent, id`, func(row []driver.Value) error {
			found = append(found, scanEnrolment(row))
			return nil
		})
	})
	return found, err
}

func (t *tx) enrolments(agent string) ([]outbox.Enrolment, error) {
	var found []outbox.Enrolment
	err := t.conn.once(`SELECT `+enrolmentColumns+` FROM enrolments WHERE agent = ? ORDER BY id`, func(row []driver.Value) error {
		found = append(found, scanEnrolment(row))
		return nil
	}, agent)
	if err != nil {
		return nil, fmt.Errorf("read enrolments: %w", err)
	}
	return found, nil
}

func scanEnrolment(row []driver.Value) outbox.Enrolment {
	e := outbox.Enrolment{
		Agent: row[0].(string), State: outbox.EnrolmentState(row[1].(string)), Public: row[2].(string), KeyID: row[3].(string),
		RequestedAt: moment(row[7]), DecidedAt: moment(row[8]), DecidedBy: row[9].(string), AskedAt: moment(row[10]), CSR: row[11].(string),
	}
	e.Signing, _ = row[4].([]byte)
	e.Invitation, _ = row[5].([]byte)
	e.Endorser, _ = row[6].([]byte)
	return e
}
