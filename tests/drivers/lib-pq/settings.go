package main

import (
	"database/sql"
	"fmt"
	"os"

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
	results, err := collect(on.QueryContext(c.ctx, readSettings))
	must(err)
	c.Say(label, results[0].Rows[0])
}

func connecting(c *client) {
	for n := range 5 {
		c.with("", func(database *sql.DB) { c.runOn(database, "select $1::int as n", n) })
	}
	// What is no key of the driver's goes to the server as it is.
	options := fmt.Sprintf(`application_name='O\'Reilly %d' statement_timeout=%d `+
		`search_path='app_%d,public' TimeZone=Asia/Tokyo extra_float_digits=2 `+
		`options='-c work_mem=5MB --my.number=a\\ b'`, c.Number, 40000+c.Number, c.Number)
	c.with(options, func(database *sql.DB) {
		conn, err := database.Conn(c.ctx)
		must(err)
		defer conn.Close()
		c.read("as started", conn)
		c.runOn(conn, "show extra_float_digits")
		c.runOn(conn, "set statement_timeout = '9s'")
		c.runOn(conn, "set time zone 'America/Lima'")
		c.read("after SET", conn)
		c.runOn(conn, "reset all")
		c.read("after RESET ALL, as started", conn)
	})
	for _, wrong := range []string{"no_such_parameter=1", "work_mem=much", "dbname=no_such_db",
		"password=wrong", "options='-c no_such_parameter=1'"} {
		c.with(wrong, func(database *sql.DB) {
			_, err := database.ExecContext(c.ctx, "select 1")
			c.sayErrorOrNone(wrong, err)
		})
	}
}

func sessionSettings(c *client) {
	c.read("before", c.conn)
	c.exec(fmt.Sprintf("set statement_timeout = %d", 20000+c.Number))
	c.exec(fmt.Sprintf(`set search_path to app_%d, "$user", public`, c.Number))
	c.exec("set time zone 'Asia/Tokyo'")
	c.exec(fmt.Sprintf(`set application_name = 'O''Reilly "%d" \'`, c.Number))
	c.run("select set_config($1, $2, false)", "my.number", fmt.Sprint(c.Number))
	c.run("select set_config('work_mem', '3MB', false)")
	for n := range 4 {
		c.read(fmt.Sprintf("after SET %d", n), c.conn)
		// The driver puts times into the zone that the server has reported.
		c.run("select $1::timestamptz as at, $1::timestamptz::text as t", "2024-07-01 12:00Z")
	}
	c.fails("set statement_timeout = 'soon'")
	c.fails("set no_such_parameter = 1")
	c.exec("reset application_name")
	c.exec("set time zone default")
	c.read("after RESET of two", c.conn)
	c.exec("set statement_timeout = '8s'; set search_path = public; reset work_mem")
	c.read("after a batch", c.conn)
	c.exec("reset all")
	c.read("after RESET ALL", c.conn)
}

func settingsInTransactions(c *client) {
	tx, err := c.conn.BeginTx(c.ctx, nil)
	must(err)
	c.runOn(tx, fmt.Sprintf("set local statement_timeout = %d", 5000+c.Number))
	c.runOn(tx, "set time zone 'America/Lima'")
	c.read("inside", tx)
	c.runOn(tx, "savepoint s")
	c.runOn(tx, fmt.Sprintf("set search_path to nowhere_%d", c.Number))
	c.runOn(tx, "select set_config($1, $2, true)", "my.number", "local")
	c.read("inside the savepoint", tx)
	c.runOn(tx, "rollback to s")
	c.read("rolled back to the savepoint", tx)
	must(tx.Commit())
	c.read("committed", c.conn)
	tx, err = c.conn.BeginTx(c.ctx, nil)
	must(err)
	c.runOn(tx, "set time zone 'Africa/Cairo'")
	c.runOn(tx, fmt.Sprintf("set search_path to lost_%d", c.Number))
	must(tx.Rollback())
	c.read("rolled back", c.conn)
	c.exec("set session characteristics as transaction isolation level repeatable read")
	c.run("show transaction_isolation")
	c.exec("reset all")
}

func roles(c *client) {
	c.exec("set role " + os.Getenv("PGUSER") + "_reader")
	for n := range 3 {
		c.read(fmt.Sprintf("as reader %d", n), c.conn)
	}
	c.fails("select count(*) from " + c.table)
	c.exec("reset role")
	c.read("role reset", c.conn)
	c.fails("set role no_such_role")
}

func discard(c *client) {
	c.exec("set time zone 'Asia/Tokyo'")
	c.exec("prepare gone as select 1")
	c.exec("discard plans")
	c.run("execute gone")
	c.exec("discard all")
	c.fails("execute gone")
	c.read("after DISCARD ALL", c.conn)
}
