package sqlite

// writeStmts are the statements of the writing connection.
type writeStmts struct {
	begin, commit, rollback                    *stmt
	eventInsert, eventAnswer, eventDelete      *stmt
	secretInsert, secretUpdate                 *stmt
	deliveryUpsert, deliveryExists             *stmt
	claimTurns, claimDue                       *stmt
	claimLease, claimGiveUp                    *stmt
	settle, attemptInsert                      *stmt
	destinationTurn, destinationSelect         *stmt
	destinationFirst, destinationUpdate        *stmt
	destinationWake                            *stmt
	pauseInsert, pauseDelete, resumeClock      *stmt
	quarantineInsert, quarantineDelete         *stmt
	quarantineRecall, releaseClock             *stmt
	escrowUpsert, escrowDelete, escrowDrop     *stmt
	ackSelect, ackUpdate                       *stmt
	awaitUpsert, awaitAlert                    *stmt
	runDue, runLease, runLost                  *stmt
	auditHead, auditInsert, eventForget, probe *stmt
}

// deliveryColumns are what scanDelivery reads.
const deliveryColumns = `agent, destination, secret, state, version, delivered_version, fence, attempts, due,
	accepted_at, updated_at, delivered_at, operation, format, key_id, source, event_id, reason, receipt`

// firstDue is when the first pending delivery of the destination d is due.
const firstDue = `SELECT min(due) FROM deliveries WHERE agent = d.agent AND destination = d.destination AND state = 'pending'`

// paused says whether the destination d is.
const paused = `EXISTS (SELECT 1 FROM pauses AS p WHERE p.agent = d.agent AND p.destination IN ('', d.destination))`

// quarantined says whether the agent of d is.
const quarantined = `EXISTS (SELECT 1 FROM quarantines AS q WHERE q.agent = d.agent)`

// settledState is what the outcome o makes of the delivery d that it is for:
// nothing is left for an agent in quarantine to fetch.
const settledState = `iif(o.state = 'waiting' AND ` + quarantined + `, 'pending', o.state)`

// held says whether nothing of the destination d may be claimed.
const held = `(` + paused + ` OR ` + quarantined + `)`

func (s *writeStmts) prepare(c *conn) error { return c.prepareAll(s.queries()) }

func (s *writeStmts) queries() map[**stmt]string {
	return map[**stmt]string{
		&s.begin:    `BEGIN IMMEDIATE`,
		&s.commit:   `COMMIT`,
		&s.rollback: `ROLLBACK`,

		&s.eventInsert: `INSERT INTO events (source, event_id, received_at, answer) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		&s.eventAnswer: `SELECT answer FROM events WHERE source = ? AND event_id = ?`,
		&s.eventDelete: `DELETE FROM events WHERE source = ? AND event_id = ?`,
		&s.eventForget: `DELETE FROM events WHERE id = ? AND received_at < ?`,

		&s.secretInsert: `INSERT INTO secrets (version, occurred_at, received_at, deleted, digest, name) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		&s.secretUpdate: `UPDATE secrets SET version = ?, occurred_at = ?, received_at = ?, deleted = ?, digest = ? WHERE name = ? AND version = ?`,

		// A running claim keeps its lease: the newer version is not due before
		// the claim is settled or has run out, so that never two versions are
		// on their way at once.
		&s.deliveryUpsert: `INSERT INTO deliveries (agent, destination, secret, state, version, due, accepted_at, updated_at,
				operation, format, key_id, source, event_id, reason, statement, envelope)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (agent, destination, secret) DO UPDATE SET
				state = excluded.state, version = excluded.version, attempts = 0,
				due = CASE WHEN leased THEN due ELSE excluded.due END,
				accepted_at = excluded.accepted_at, updated_at = excluded.updated_at,
				operation = excluded.operation, format = excluded.format, key_id = excluded.key_id,
				source = excluded.source, event_id = excluded.event_id, reason = excluded.reason,
				statement = excluded.statement, envelope = excluded.envelope
			WHERE excluded.version > version`,
		&s.deliveryExists: `SELECT 1 FROM deliveries WHERE agent = ? AND destination = ? AND secret = ?`,

		&s.claimTurns: `SELECT agent, destination FROM destinations AS d
			WHERE turn IS NOT NULL AND max(turn, broken_until) <= ? AND NOT ` + held + ` ORDER BY max(turn, broken_until)`,
		&s.claimDue: `SELECT ` + deliveryColumns + `, statement, envelope, id, (SELECT version FROM secrets WHERE name = secret)
			FROM deliveries WHERE agent = ? AND destination = ? AND state = 'pending' AND due <= ? ORDER BY due, id LIMIT ?`,
		&s.claimLease:  `UPDATE deliveries SET leased = 1, fence = fence + 1, due = ? WHERE id = ?`,
		&s.claimGiveUp: `UPDATE deliveries SET state = 'dead', leased = 0, reason = ?, updated_at = ? WHERE id = ?`,

		// The outcome is the row's only if the claimed version (c) is still the
		// wanted one; what is there is remembered in either case.
		&s.settle: `WITH o (agent, destination, secret, fence, version, state, due, reason, at, receipt) AS (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?))
			UPDATE deliveries AS d SET
				leased = 0,
				state = iif(d.version = o.version, ` + settledState + `, d.state),
				due = iif(d.version = o.version AND o.state = ` + settledState + `, o.due, o.at),
				reason = iif(d.version = o.version, o.reason, d.reason),
				attempts = d.attempts + (d.version = o.version AND o.state NOT IN ('delivered', 'waiting')),
				delivered_version = iif(o.state = 'delivered', max(d.delivered_version, o.version), d.delivered_version),
				delivered_at = iif(o.state = 'delivered', o.at, d.delivered_at),
				receipt = iif(o.state = 'delivered' AND o.version >= d.delivered_version, o.receipt, d.receipt),
				updated_at = o.at
			FROM o
			WHERE d.agent = o.agent AND d.destination = o.destination AND d.secret = o.secret AND d.leased AND d.fence = o.fence
			RETURNING id, version, iif(state = 'pending', due, NULL)`,
		&s.attemptInsert: `INSERT OR REPLACE INTO attempts (delivery, slot, fence, at, version, state, reason)
			SELECT ?1, (coalesce((SELECT slot FROM attempts WHERE delivery = ?1 ORDER BY fence DESC LIMIT 1), -1) + 1) % ?2, ?3, ?4, ?5, ?6, ?7`,

		&s.destinationTurn: `INSERT INTO destinations (agent, destination, turn) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET turn = excluded.turn WHERE turn IS NULL OR turn > excluded.turn`,
		&s.destinationSelect: `SELECT turn, faults, reason, broken_since, broken_until, resumed_at, (` + firstDue + `)
			FROM destinations AS d WHERE d.agent = ? AND d.destination = ?`,
		&s.destinationFirst:  `SELECT min(due) FROM deliveries WHERE agent = ? AND destination = ? AND state = 'pending'`,
		&s.destinationUpdate: `UPDATE destinations SET turn = ?, faults = ?, reason = ?, broken_since = ?, broken_until = ? WHERE agent = ? AND destination = ?`,
		&s.destinationWake:   `UPDATE deliveries SET due = ? WHERE agent = ? AND destination = ? AND state = 'pending' AND due > ? AND NOT leased`,

		&s.pauseInsert: `INSERT INTO pauses (agent, destination, paused_at, actor) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		&s.pauseDelete: `DELETE FROM pauses WHERE agent = ?1 AND (?2 = '' OR destination = ?2)`,
		&s.resumeClock: `UPDATE destinations AS d SET resumed_at = ?3 WHERE agent = ?1 AND (?2 = '' OR destination = ?2) AND ` + paused,

		&s.escrowUpsert: `INSERT OR REPLACE INTO escrows (secret, version, format, key_id, statement, envelope) VALUES (?, ?, ?, ?, ?, ?)`,
		&s.escrowDelete: `DELETE FROM escrows WHERE secret = ?`,
		&s.escrowDrop:   `DELETE FROM escrows`,

		&s.quarantineInsert: `INSERT INTO quarantines (agent, at, actor) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		&s.quarantineDelete: `DELETE FROM quarantines WHERE agent = ?`,
		&s.quarantineRecall: `UPDATE deliveries SET state = 'pending', due = ?2, updated_at = ?2 WHERE agent = ?1 AND state = 'waiting' RETURNING destination`,
		&s.releaseClock:     `UPDATE destinations SET resumed_at = ?2 WHERE agent = ?1`,

		&s.ackSelect: `SELECT version, delivered_version, receipt <> '' AND (state IN ('delivered', 'blocked') OR version <> delivered_version) FROM deliveries WHERE agent = ? AND destination = ? AND secret = ?`,
		// Whoever holds a claim of the row has nothing more to say of it.
		&s.ackUpdate: `WITH a (version, at, receipt) AS (VALUES (?, ?, ?))
			UPDATE deliveries AS d SET
				state = iif(d.version = a.version AND d.state <> 'blocked', 'delivered', d.state),
				reason = iif(d.version = a.version AND d.state <> 'blocked', '', d.reason),
				leased = 0, due = iif(d.leased, a.at, d.due), fence = d.fence + 1,
				delivered_at = iif(d.state = 'delivered' AND d.delivered_version = a.version, d.delivered_at, a.at),
				delivered_version = a.version, updated_at = a.at, receipt = a.receipt
			FROM a WHERE d.agent = ? AND d.destination = ? AND d.secret = ?`,

		// What is awaited already stays due when it was, and older news change
		// nothing.
		&s.awaitUpsert: `INSERT INTO awaited (secret, source, event_id, changed_at, received_at, due) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (secret) DO UPDATE SET
				due = iif(` + settled() + `, excluded.due, min(due, excluded.due)),
				alerted_at = iif(` + settled() + `, NULL, alerted_at),
				source = excluded.source, event_id = excluded.event_id,
				changed_at = excluded.changed_at, received_at = excluded.received_at
			WHERE excluded.changed_at >= changed_at`,
		&s.awaitAlert: `UPDATE awaited SET alerted_at = ? WHERE due <= ? AND alerted_at IS NULL AND NOT ` + settled() + ` RETURNING ` + awaitedColumns,

		// Whose lease has run out is taken for dead, and keeps no other run of its
		// job waiting: its runner may be one that is gone for good.
		&s.runDue: `SELECT id, state, cancel, claims FROM runs AS r WHERE runner = ?1 AND ready <= ?2 AND NOT EXISTS
				(SELECT 1 FROM runs AS other WHERE other.job = r.job AND other.state = 'running' AND other.ready > ?2)
			ORDER BY ready, id LIMIT 1`,
		&s.runLease: `UPDATE runs SET state = 'running', started_at = ?, ready = ?, claims = claims + 1, fence = fence + 1, output = 0
			WHERE id = ? RETURNING ` + runColumns,
		&s.runLost: `UPDATE runs SET state = iif(cancel, 'cancelled', 'ended'), result = iif(cancel, '', 'failure'), ready = NULL, ended_at = ?,
				message = iif(cancel, 'cancelled; whoever ran it was not heard of again',
					'begun ' || claims || ' times, and each time whoever ran it was not heard of again; its log has more')
			WHERE id = ?`,

		&s.auditHead:   `SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1`,
		&s.auditInsert: `INSERT INTO audit (seq, entry, hash) VALUES (?, ?, ?)`,
		&s.probe:       `INSERT INTO probe (id, at) VALUES (1, ?) ON CONFLICT DO UPDATE SET at = max(at + 1, excluded.at)`,
	}
}
