package sqlite

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
)

// What the dispatcher asks again and again is answered from indexes, in their
// order: nothing is sorted, and no delivery is read that is not claimed.
func TestPlans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	dsn := writerDSN(path, "FULL")
	if err := migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var w writeStmts
	var r reader
	writes, reads := w.queries(), r.queries()
	for _, test := range []struct {
		name, query string
		uses        []string
	}{
		{"whose turn it is", writes[&w.claimTurns], []string{"d USING INDEX destinations_turn"}},
		{"what is due there", writes[&w.claimDue], []string{"deliveries USING INDEX deliveries_due (agent=? AND destination=? AND due<?)"}},
		{"when it is due next", writes[&w.destinationFirst], []string{"deliveries USING COVERING INDEX deliveries_due (agent=? AND destination=?)"}},
		{"a destination", writes[&w.destinationSelect], []string{"d USING PRIMARY KEY (agent=? AND destination=?)", "deliveries USING COVERING INDEX deliveries_due (agent=? AND destination=?)"}},
		{"what waits at a mended one", writes[&w.destinationWake], []string{"deliveries USING INDEX deliveries_due (agent=? AND destination=? AND due>?)"}},
		{"when something is due", reads[&r.nextDue], []string{"d USING INDEX destinations_turn", "deliveries USING COVERING INDEX deliveries_due (agent=? AND destination=?)"}},
		{"which run is due", writes[&w.runDue], []string{"r USING INDEX runs_ready (runner=? AND ready<?)", "other USING COVERING INDEX runs_open (job=? AND state=? AND ready>?)"}},
		{"when a run is due", reads[&r.nextRun], []string{"r USING INDEX runs_ready (runner=? AND ready>?)", "other USING COVERING INDEX runs_open (job=? AND state=?"}},
		{"what is broken", reads[&r.holds], []string{"destinations USING INDEX destinations_broken"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			plan := explain(t, db, test.query)
			for _, use := range test.uses {
				if !strings.Contains(plan, use) {
					t.Errorf("the plan does not have %q:\n%s", use, plan)
				}
			}
			if strings.Contains(plan, "SCAN deliveries") || strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("the plan scans or sorts:\n%s", plan)
			}
		})
	}
}

func explain(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}
