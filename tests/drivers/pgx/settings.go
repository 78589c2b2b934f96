package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"

	"pglynx/drivers/transcript"
)

// Settings: each statement after a SET may run on another server, and must not notice.

var settingSteps = []transcript.Step[*client]{
	{Name: "connecting", Do: connecting},
	{Name: "session", Do: sessionSettings},
	{Name: "settings in transactions", Do: settingsInTransactions},
	{Name: "roles", Do: roles},
	{Name: "discard", Do: discard},
}

const readSettings = `select current_setting('statement_timeout') as statement_timeout,
	current_setting('search_path') as search_path, current_setting('TimeZone') as timezone,
	current_setting('application_name') as application_name, current_setting('DateStyle') as style,
	current_setting('work_mem') as work_mem,
	nullif(current_setting('my.number', true), '') as number, current_user as me`

func (c *client) read(label string, on querier) {
	got, err := collect(on.Query(c.ctx, readSettings))
	must(err)
	c.Say(label, got.Rows[0])
}

func connecting(c *client) {
	for n := range 5 {
		c.with("", nil, func(conn *pgx.Conn) { c.runOn(conn, "select $1::int as n", n) })
	}
	// What is no key of the driver's goes to the server as it is.
	dsn := fmt.Sprintf(`application_name='O\'Reilly %d' statement_timeout=%d `+
		`search_path='app_%d,public' TimeZone=Asia/Tokyo options='-c work_mem=5MB --my.number=a\\ b'`,
		c.Number, 40000+c.Number, c.Number)
	c.with(dsn, nil, func(conn *pgx.Conn) {
		c.sayReported("reported", conn)
		c.read("as started", conn)
		c.runOn(conn, "set statement_timeout = '9s'")
		c.runOn(conn, "set time zone 'America/Lima'")
		c.read("after SET", conn)
		c.sayReported("reported", conn)
		c.runOn(conn, "reset all")
		c.read("after RESET ALL, as started", conn)
		c.sayReported("reported", conn)
	})
	for _, wrong := range []string{"no_such_parameter=1", "work_mem=much", "dbname=no_such_db",
		"password=wrong", "options='-c no_such_parameter=1'"} {
		conn, err := c.connect(wrong, nil)
		if err == nil {
			conn.Close(c.ctx)
		}
		c.sayErrorOrNone(wrong, err)
	}
}

func sessionSettings(c *client) {
	c.read("before", c.conn)
	c.run(fmt.Sprintf("set statement_timeout = %d", 20000+c.Number))
	c.run(fmt.Sprintf(`set search_path to app_%d, "$user", public`, c.Number))
	c.run("set time zone 'Asia/Tokyo'")
	c.run(fmt.Sprintf(`set application_name = 'O''Reilly "%d" \'`, c.Number))
	c.run("set DateStyle to 'SQL, DMY'")
	c.run("select set_config($1, $2, false)", "my.number", fmt.Sprint(c.Number))
	c.run("select set_config('work_mem', $1, false)", pgx.QueryExecModeExec, "3MB")
	for n := range 4 {
		c.read(fmt.Sprintf("after SET %d", n), c.conn)
		c.run("select $1::text::timestamptz::text as t", "2024-07-01 12:00Z")
	}
	c.sayReported("reported", c.conn)
	c.fails("set statement_timeout = 'soon'")
	c.fails("set no_such_parameter = 1")
	c.run("reset application_name")
	c.run("set time zone default")
	c.read("after RESET of two", c.conn)
	c.run("set statement_timeout = '8s'; set search_path = public; reset work_mem",
		pgx.QueryExecModeSimpleProtocol)
	c.read("after a batch", c.conn)
	c.run("reset all")
	c.read("after RESET ALL", c.conn)
	c.sayReported("reported", c.conn)
}

func settingsInTransactions(c *client) {
	tx, err := c.conn.Begin(c.ctx)
	must(err)
	c.runOn(tx, fmt.Sprintf("set local statement_timeout = %d", 5000+c.Number))
	c.runOn(tx, "set time zone 'America/Lima'")
	c.read("inside", tx)
	nested, err := tx.Begin(c.ctx)
	must(err)
	c.runOn(nested, fmt.Sprintf("set search_path to nowhere_%d", c.Number))
	c.runOn(nested, "select set_config($1, $2, true)", "my.number", "local")
	c.read("inside the savepoint", nested)
	must(nested.Rollback(c.ctx))
	c.read("rolled back to the savepoint", tx)
	must(tx.Commit(c.ctx))
	c.read("committed", c.conn)
	c.sayReported("reported", c.conn)
	tx, err = c.conn.Begin(c.ctx)
	must(err)
	c.runOn(tx, "set time zone 'Africa/Cairo'")
	c.runOn(tx, fmt.Sprintf("set search_path to lost_%d", c.Number))
	must(tx.Rollback(c.ctx))
	c.read("rolled back", c.conn)
	c.sayReported("reported", c.conn)
	c.run("set session characteristics as transaction isolation level repeatable read")
	c.run("show transaction_isolation")
	c.run("reset all")
	c.run("show transaction_isolation")
}

func roles(c *client) {
	c.run("set role " + os.Getenv("PGUSER") + "_reader")
	for n := range 3 {
		c.read(fmt.Sprintf("as reader %d", n), c.conn)
	}
	c.fails("select count(*) from " + c.table)
	c.fails("create table public." + c.table + "_forbidden (id int)")
	tx, err := c.conn.Begin(c.ctx)
	must(err)
	c.runOn(tx, "set local role none")
	c.read("role none inside", tx)
	must(tx.Rollback(c.ctx))
	c.read("as reader again", c.conn)
	c.run("reset role")
	c.read("role reset", c.conn)
	c.fails("set role no_such_role")
	c.fails("set session authorization postgres")
}

func discard(c *client) {
	c.with("", nil, func(conn *pgx.Conn) {
		c.runOn(conn, "set time zone 'Asia/Tokyo'")
		c.runOn(conn, "prepare gone as select 1 as one")
		c.runOn(conn, "select $1::int as n", 1)
		simple := pgx.QueryExecModeSimpleProtocol
		c.runOn(conn, "discard all", simple)
		c.failsOn(conn, "execute gone", simple)
		// The driver's cache is stale now; it forgets a statement that has failed.
		_, err := collect(conn.Query(c.ctx, "select $1::int as n", 2))
		c.sayErrorOrNone("after DISCARD ALL", err)
		_, err = collect(conn.Query(c.ctx, "select $1::int as n", 3))
		c.sayErrorOrNone("and again", err)
		c.Say("reported", strings.Join([]string{conn.PgConn().ParameterStatus("TimeZone")}, ""))
	})
}
