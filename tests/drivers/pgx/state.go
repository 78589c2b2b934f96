package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"pglynx/drivers/transcript"
)

// State that lives in a server's session and cannot travel, hidden state, notifications, timeouts
// and cancels.

var stateSteps = []transcript.Step[*client]{
	{Name: "advisory locks", Do: advisoryLocks},
	{Name: "temporary tables", Do: temporaryTables},
	{Name: "held cursors", Do: heldCursors},
	{Name: "sequences", Do: sequences},
	{Name: "hidden", Do: hidden},
	{Name: "listen", Do: notifications},
	{Name: "notices", Do: notices},
	{Name: "timeouts", Do: timeouts},
	{Name: "cancels", Do: cancels},
	{Name: "contexts", Do: contexts},
}

const held = "select count(*) as held from pg_locks where locktype = 'advisory' and pid = " +
	"pg_backend_pid()"

func advisoryLocks(c *client) {
	key := 1000 + c.Number
	c.run("select pg_advisory_lock($1)", key)
	c.run(held)
	c.run("select pg_try_advisory_lock($1) as got", key)
	c.with("", nil, func(other *pgx.Conn) {
		c.runOn(other, "select pg_try_advisory_xact_lock($1) as got", key)
	})
	for range 2 {
		c.run("select pg_advisory_unlock($1) as unlocked", key)
		c.run(held)
	}
	tx, err := c.conn.Begin(c.ctx)
	must(err)
	c.runOn(tx, "select pg_advisory_xact_lock($1)", key)
	c.runOn(tx, held)
	must(tx.Commit(c.ctx))
	c.run(fmt.Sprintf("select pg_advisory_lock_shared(%d), pg_advisory_lock(%d, 1)", key, key))
	c.run(held)
	c.run("select pg_advisory_unlock_all()")
	c.run(held)
}

func temporaryTables(c *client) {
	simple := pgx.QueryExecModeExec
	c.run("create temp table scratch (owner int, v text)")
	c.run("insert into scratch values ($1, $2)", simple, c.Number, "x")
	c.run("insert into scratch values ($1, $2)", simple, c.Number, "y")
	c.run("select owner, v from scratch order by v", simple)
	_, err := c.conn.CopyFrom(c.ctx, pgx.Identifier{"scratch"}, []string{"owner", "v"},
		pgx.CopyFromRows([][]any{{c.Number, "copied"}}))
	must(err)
	c.run("select owner, v from scratch order by v", simple)
	c.run("drop table scratch")
	c.fails("select * from scratch", simple)
	tx, err := c.conn.Begin(c.ctx)
	must(err)
	c.runOn(tx, fmt.Sprintf("create temp table scratch on commit drop as select %d as owner",
		c.Number), simple)
	c.runOn(tx, "select owner from scratch", simple)
	must(tx.Commit(c.ctx))
	c.fails("select * from scratch", simple)
}

func heldCursors(c *client) {
	c.run("declare held cursor with hold for select n from generate_series(1, 10) n")
	c.run("fetch 2 from held", pgx.QueryExecModeExec)
	c.run("move 3 in held", pgx.QueryExecModeExec)
	c.run("fetch 2 from held", pgx.QueryExecModeSimpleProtocol)
	c.run("close held")
	c.fails("fetch 1 from held", pgx.QueryExecModeExec)
	tx, err := c.conn.Begin(c.ctx)
	must(err)
	c.runOn(tx, "declare inside cursor for select n from generate_series(1, 5) n")
	c.runOn(tx, "fetch 2 from inside", pgx.QueryExecModeExec)
	must(tx.Commit(c.ctx))
	c.fails("fetch 1 from inside", pgx.QueryExecModeExec)
}

func sequences(c *client) {
	name := c.table + "_seq"
	c.run("create sequence " + name)
	tx, err := c.conn.Begin(c.ctx)
	must(err)
	c.runOn(tx, "select nextval($1)", pgx.QueryExecModeExec, name)
	c.runOn(tx, "select currval($1), lastval()", pgx.QueryExecModeExec, name)
	must(tx.Commit(c.ctx))
	c.run("drop sequence " + name)
}

// What no text shows: a function locks, sets, listens or creates.
func hidden(c *client) {
	name := fmt.Sprintf("hide_%d", c.Number)
	exec := pgx.QueryExecModeExec
	for kind, body := range map[string]string{
		"lock": fmt.Sprintf("perform pg_advisory_lock(%d);", 2000+c.Number),
		"temp": "create temp table hidden_one (owner int);",
		"hold": "execute 'declare hidden_two cursor with hold for select 2 as two';",
		"ears": fmt.Sprintf("execute 'listen hidden_%d';", c.Number),
	} {
		c.exec(fmt.Sprintf("create or replace function %s_%s() returns void language plpgsql as "+
			"$$ begin %s end $$", name, kind, body))
	}
	c.run("select "+name+"_lock()", exec)
	c.run(held)
	c.run("select pg_advisory_unlock_all()")
	c.run(held)
	c.run("select "+name+"_temp()", exec)
	c.run("insert into hidden_one values ($1) returning owner", exec, c.Number)
	c.run("drop table hidden_one")
	c.run("select "+name+"_hold()", exec)
	c.run("fetch all from hidden_two", exec)
	c.run("close hidden_two")
	c.run("select "+name+"_ears()", exec)
	c.run("select * from pg_listening_channels()", exec)
	c.run("unlisten *")
	c.run("select * from pg_listening_channels()", exec)
	c.run(fmt.Sprintf("do $$ begin perform pg_advisory_lock(%d); end $$", 3000+c.Number))
	c.run(held)
	c.run("select pg_advisory_unlock_all()")
	c.run(fmt.Sprintf("drop function %s_lock, %s_temp, %s_hold, %s_ears", name, name, name, name))
}

func notifications(c *client) {
	channel := fmt.Sprintf("channel_%d", c.Number)
	wait := func(count int) {
		ctx, cancel := context.WithTimeout(c.ctx, time.Minute)
		defer cancel()
		for range count {
			got, err := c.conn.WaitForNotification(ctx)
			must(err)
			c.Say("notified", []any{got.Channel, got.Payload, got.PID == c.conn.PgConn().PID()})
		}
	}
	c.run("listen " + channel)
	c.run("notify " + channel + ", 'from myself'")
	c.run("select pg_notify($1, $2)", channel, "Grüße")
	wait(2)
	c.with("", nil, func(other *pgx.Conn) {
		tx, err := other.Begin(c.ctx)
		must(err)
		for n := range 3 {
			c.runOn(tx, "select pg_notify($1, $2)", channel, fmt.Sprint(c.Number, " ", n))
		}
		must(tx.Commit(c.ctx))
		c.runOn(other, "notify "+channel)
		wait(4)
		// Waiting is given up, and the connection lives.
		ctx, cancel := context.WithTimeout(c.ctx, 50*time.Millisecond)
		defer cancel()
		_, err = c.conn.WaitForNotification(ctx)
		c.sayErrorOrNone("waited in vain", err)
		c.runOn(other, "notify "+channel+", 'last'")
		wait(1)
	})
	c.run("unlisten " + channel)
	c.run("notify " + channel + ", 'to nobody'")
	c.run("select * from pg_listening_channels()", pgx.QueryExecModeExec)
}

func notices(c *client) {
	edit := func(config *pgx.ConnConfig) {
		config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
			c.Say("notice", []string{notice.Severity, notice.Code, notice.Message, notice.Hint})
		}
	}
	c.with("", edit, func(conn *pgx.Conn) {
		c.runOn(conn, fmt.Sprintf("do $$ begin raise notice 'client %%', %d; raise warning "+
			"'careful' using hint = 'a hint'; end $$", c.Number))
		c.runOn(conn, "drop table if exists no_such_table")
		c.runOn(conn, "set client_min_messages to error")
		c.runOn(conn, "drop table if exists no_such_table")
	})
}

func timeouts(c *client) {
	c.run("set statement_timeout = '200ms'")
	c.fails("select pg_sleep(20)", pgx.QueryExecModeSimpleProtocol)
	c.fails("select pg_sleep($1)", 20)
	c.run("reset statement_timeout")
	tx, err := c.conn.Begin(c.ctx)
	must(err)
	c.runOn(tx, "set local statement_timeout = '200ms'")
	c.failsOn(tx, "select pg_sleep(20)", pgx.QueryExecModeExec)
	must(tx.Rollback(c.ctx))
	c.run("show statement_timeout")
	c.with("statement_timeout=200", nil, func(conn *pgx.Conn) {
		c.failsOn(conn, "select pg_sleep(20)")
		c.runOn(conn, "select 'alive' as state")
	})
}

// Requests go on until the statement is over: the first may come before it has begun.
func cancels(c *client) {
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol,
		pgx.QueryExecModeCacheStatement} {
		over := make(chan struct{})
		go func() {
			defer close(over)
			c.fails("select pg_sleep($1)", mode, 60)
		}()
		for running := true; running; {
			must(c.conn.PgConn().CancelRequest(c.ctx))
			select {
			case <-over:
				running = false
			default:
			}
		}
		c.run("select 'alive' as state", mode)
	}
}

// What the driver does when a context ends: by default it gives the connection up, on demand it
// asks the server to cancel.
func contexts(c *client) {
	c.with("", nil, func(conn *pgx.Conn) {
		ctx, cancel := context.WithTimeout(c.ctx, 300*time.Millisecond)
		defer cancel()
		_, err := conn.Exec(ctx, "select pg_sleep(20)")
		c.sayErrorOrNone("deadline", err)
		c.Say("closed", conn.IsClosed())
		<-conn.PgConn().CleanupDone()
	})
	edit := func(config *pgx.ConnConfig) {
		config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
			return &pgconn.CancelRequestContextWatcherHandler{Conn: conn,
				DeadlineDelay: 30 * time.Second}
		}
	}
	c.with("", edit, func(conn *pgx.Conn) {
		ctx, cancel := context.WithTimeout(c.ctx, 300*time.Millisecond)
		defer cancel()
		_, err := conn.Exec(ctx, "select pg_sleep(20)")
		c.sayErrorOrNone("deadline with a cancel request", err)
		c.Say("closed", conn.IsClosed())
		c.runOn(conn, "select 'alive' as state")
	})
}
