package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pglynx/drivers/transcript"
)

// client is one logical client: a connection that lives through all steps, and others of its own
// that a step may open. Connections are made from the environment (PGHOST, …), with the driver's
// defaults.
type client struct {
	*transcript.Transcript
	ctx   context.Context
	conn  *pgx.Conn
	table string
}

// querier is a connection, a transaction, a pool or a connection of a pool.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

var must = transcript.Must

func open(t *transcript.Transcript) *client {
	c := &client{Transcript: t, ctx: context.Background(), table: fmt.Sprintf("t%d", t.Number)}
	conn, err := pgx.Connect(c.ctx, "")
	must(err)
	c.conn = conn
	c.sayReported("reported at login", conn)
	return c
}

// connect makes another connection; edit changes its configuration.
func (c *client) connect(dsn string, edit func(*pgx.ConnConfig)) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(dsn)
	must(err)
	if edit != nil {
		edit(config)
	}
	return pgx.ConnectConfig(c.ctx, config)
}

// with runs work on a connection of its own.
func (c *client) with(dsn string, edit func(*pgx.ConnConfig), work func(*pgx.Conn)) {
	conn, err := c.connect(dsn, edit)
	must(err)
	defer conn.Close(c.ctx)
	work(conn)
}

// sayReported says what the server has reported of its parameters.
func (c *client) sayReported(label string, conn *pgx.Conn) {
	var values []string
	for _, name := range []string{"server_encoding", "client_encoding", "application_name",
		"DateStyle", "TimeZone", "IntervalStyle", "integer_datetimes",
		"standard_conforming_strings", "is_superuser", "session_authorization", "in_hot_standby",
		"default_transaction_read_only", "server_version"} {
		values = append(values, name+"="+conn.PgConn().ParameterStatus(name))
	}
	c.Say(label, strings.Join(values, " "))
}

// result is all that comes back of a statement.
type result struct {
	Tag    string
	Fields []string
	Rows   [][]any
}

func collect(rows pgx.Rows, err error) (result, error) {
	if err != nil {
		return result{}, err
	}
	defer rows.Close()
	var got result
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return result{}, err
		}
		got.Rows = append(got.Rows, values)
	}
	for _, field := range rows.FieldDescriptions() {
		got.Fields = append(got.Fields, fmt.Sprintf("%s:%s:%d:%d:%d", field.Name,
			oid(field.DataTypeOID), field.TypeModifier, field.TableAttributeNumber, field.Format))
	}
	got.Tag = rows.CommandTag().String()
	return got, rows.Err()
}

// oid shows a type; those that a script makes have another number every time.
func oid(number uint32) string {
	if number >= 16384 {
		return "own"
	}
	return strconv.Itoa(int(number))
}

// run says all that comes back of a statement.
func (c *client) run(sql string, args ...any) { c.runOn(c.conn, sql, args...) }

func (c *client) runOn(on querier, sql string, args ...any) {
	got, err := collect(on.Query(c.ctx, sql, args...))
	must(err)
	c.Say(sql, got)
}

// fails says how a statement fails that must.
func (c *client) fails(sql string, args ...any) { c.failsOn(c.conn, sql, args...) }

func (c *client) failsOn(on querier, sql string, args ...any) {
	got, err := collect(on.Query(c.ctx, sql, args...))
	c.sayError(sql, got, err)
}

// outcome says what comes back of a statement, or how it fails.
func (c *client) outcome(sql string, args ...any) {
	got, err := collect(c.conn.Query(c.ctx, sql, args...))
	c.sayResult(sql, got, err)
}

// sayError says an error, or what came instead of one.
func (c *client) sayError(label string, got any, err error) {
	if err == nil {
		c.Say(label, map[string]any{"no error, but": got})
		return
	}
	c.Say(label, describe(err))
}

// exec runs a statement of which nothing is to be said.
func (c *client) exec(sql string, args ...any) {
	_, err := c.conn.Exec(c.ctx, sql, args...)
	must(err)
}

// describe shows an error with all that an application can see of it and that is the same every
// time.
func describe(err error) string {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		text := strings.ReplaceAll(err.Error(), os.Getenv("PGPORT"), "PORT")
		return fmt.Sprintf("%T | %s", err, text)
	}
	parts := []string{server.Severity, server.Code, server.Message}
	for _, field := range [][2]string{{"detail", server.Detail}, {"hint", server.Hint},
		{"where", server.Where}, {"schema", server.SchemaName}, {"table", server.TableName},
		{"column", server.ColumnName}, {"type", server.DataTypeName},
		{"constraint", server.ConstraintName}} {
		if field[1] != "" {
			parts = append(parts, field[0]+"="+field[1])
		}
	}
	if server.Position != 0 {
		parts = append(parts, fmt.Sprintf("position=%d", server.Position))
	}
	return strings.Join(parts, " | ")
}
