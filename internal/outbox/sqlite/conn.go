package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	sqlitedriver "modernc.org/sqlite"
)

// conn is one connection, used by one goroutine at a time. It is the driver's
// own and not one of database/sql, which costs locks, conversions and copies
// at each of the few statements that an event needs; the driver's calls are
// made with the background context, as it starts a goroutine for any other.
type conn struct {
	driver driver.Conn
	stmts  []*stmt
}

// connect opens the database with the pragmas of dsn.
func connect(dsn string) (*conn, error) {
	connector, err := sqlitedriver.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	c, err := connector.Connect(context.Background())
	if err != nil {
		return nil, err
	}
	return &conn{driver: c}, nil
}

// close finalizes the prepared statements and closes the connection.
func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.driver.Close())
	}
	return errors.Join(append(errs, c.driver.Close())...)
}

// stmt is a prepared statement of a conn.
type stmt struct {
	driver driver.Stmt
	args   []driver.NamedValue
}

// prepare prepares a statement that lives as long as the connection.
func (c *conn) prepare(query string) (*stmt, error) {
	prepared, err := c.driver.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", query, err)
	}
	s := &stmt{driver: prepared}
	c.stmts = append(c.stmts, s)
	return s, nil
}

// prepareAll prepares each query into its statement.
func (c *conn) prepareAll(queries map[**stmt]string) error {
	for into, query := range queries {
		s, err := c.prepare(query)
		if err != nil {
			return err
		}
		*into = s
	}
	return nil
}

// once runs a query that is not worth keeping prepared.
func (c *conn) once(query string, visit func(row []driver.Value) error, args ...driver.Value) error {
	prepared, err := c.driver.Prepare(query)
	if err != nil {
		return fmt.Errorf("prepare %q: %w", query, err)
	}
	s := &stmt{driver: prepared}
	return errors.Join(s.query(visit, args...), prepared.Close())
}

// exec runs the statement and returns how many rows it changed.
func (s *stmt) exec(args ...driver.Value) (int64, error) {
	result, err := s.driver.(driver.StmtExecContext).ExecContext(context.Background(), s.bind(args))
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// query calls visit for each row. The row's slice is used again for the next
// one, the values in it are not.
func (s *stmt) query(visit func(row []driver.Value) error, args ...driver.Value) error {
	rows, err := s.driver.(driver.StmtQueryContext).QueryContext(context.Background(), s.bind(args))
	if err != nil {
		return err
	}
	row := make([]driver.Value, len(rows.Columns()))
	for {
		err := rows.Next(row)
		if errors.Is(err, io.EOF) {
			return rows.Close()
		}
		if err == nil {
			err = visit(row)
		}
		if err != nil {
			return errors.Join(err, rows.Close())
		}
	}
}

func (s *stmt) bind(args []driver.Value) []driver.NamedValue {
	s.args = s.args[:0]
	for i, arg := range args {
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	return s.args
}
