package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/lib/pq"

	"pglynx/drivers/transcript"
)

// The driver's own default demands TLS; this is what libpq does by default.
const defaults = "sslmode=prefer"

// client is one logical client: a pool of database/sql, and a connection of it on which the steps
// run that need one session.
type client struct {
	*transcript.Transcript
	ctx      context.Context
	database *sql.DB
	conn     *sql.Conn
	table    string
}

// querier is a pool, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

var must = transcript.Must

func open(t *transcript.Transcript) *client {
	c := &client{Transcript: t, ctx: context.Background(), table: fmt.Sprintf("t%d", t.Number)}
	database, err := sql.Open("postgres", defaults)
	must(err)
	c.database = database
	c.conn, err = database.Conn(c.ctx)
	must(err)
	return c
}

func (c *client) close() {
	c.conn.Close()
	c.database.Close()
}

// with runs work in a pool of its own; the options are more of the connection string.
func (c *client) with(options string, work func(*sql.DB)) {
	database, err := sql.Open("postgres", defaults+" "+options)
	must(err)
	defer database.Close()
	work(database)
}

// run says all that comes back of a statement.
func (c *client) run(query string, args ...any) { c.runOn(c.conn, query, args...) }

func (c *client) runOn(on querier, query string, args ...any) {
	results, err := collect(on.QueryContext(c.ctx, query, args...))
	must(err)
	c.Say(query, results)
}

// fails says how a statement fails that must.
func (c *client) fails(query string, args ...any) { c.failsOn(c.conn, query, args...) }

func (c *client) failsOn(on querier, query string, args ...any) {
	results, err := collect(on.QueryContext(c.ctx, query, args...))
	if err == nil {
		c.Say(query, map[string]any{"no error, but": results})
		return
	}
	c.Say(query, describe(err))
}

// exec says how many rows a statement has changed.
func (c *client) exec(query string, args ...any) {
	result, err := c.conn.ExecContext(c.ctx, query, args...)
	must(err)
	count, err := result.RowsAffected()
	must(err)
	c.Say(query, count)
}

func (c *client) sayErrorOrNone(label string, err error) {
	if err == nil {
		c.Say(label, "no error")
		return
	}
	c.Say(label, describe(err))
}

// result is one of the results of a statement, or of several in one message.
type result struct {
	Columns []string
	Rows    [][]any
}

func collect(rows *sql.Rows, err error) ([]result, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var results []result
	for more := true; more; more = rows.NextResultSet() {
		one, err := collectOne(rows)
		if err != nil {
			return nil, err
		}
		results = append(results, one)
	}
	return results, rows.Err()
}

func collectOne(rows *sql.Rows) (result, error) {
	var one result
	types, err := rows.ColumnTypes()
	if err != nil {
		return one, err
	}
	for _, column := range types {
		name := column.DatabaseTypeName()
		precision, scale, _ := column.DecimalSize()
		one.Columns = append(one.Columns, fmt.Sprintf("%s:%s:%d:%d", column.Name(), name,
			precision, scale))
	}
	for rows.Next() {
		values := make([]any, len(types))
		places := make([]any, len(types))
		for index := range values {
			places[index] = &values[index]
		}
		if err := rows.Scan(places...); err != nil {
			return one, err
		}
		for index, value := range values {
			if text, ok := value.([]byte); ok {
				values[index] = fmt.Sprintf("%q", text)
			}
		}
		one.Rows = append(one.Rows, values)
	}
	return one, rows.Err()
}

// describe shows an error with all that an application can see of it and that is the same every
// time.
func describe(err error) string {
	var server *pq.Error
	if !errors.As(err, &server) {
		return fmt.Sprintf("%T | %s", err, strings.ReplaceAll(err.Error(), os.Getenv("PGPORT"), "PORT"))
	}
	parts := []string{server.Severity, string(server.Code), server.Message}
	for _, field := range [][2]string{{"detail", server.Detail}, {"hint", server.Hint},
		{"position", server.Position}, {"where", server.Where}, {"schema", server.Schema},
		{"table", server.Table}, {"column", server.Column}, {"type", server.DataTypeName},
		{"constraint", server.Constraint}} {
		if field[1] != "" {
			parts = append(parts, field[0]+"="+field[1])
		}
	}
	return strings.Join(parts, " | ")
}
