package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/lib/pq"

	"pglynx/drivers/transcript"
)

// State that lives in a server's session and cannot travel, hidden state, notifications, timeouts
// and cancels.

var stateSteps = []transcript.Step[*client]{
	{Name: "advisory locks", Do: advisoryLocks},
	{Name: "temporary tables", Do: temporaryTables},
	{Name: "held cursors", Do: heldCursors},
	{Name: "hidden", Do: hidden},
	{Name: "listener", Do: listener},
	{Name: "notices", Do: notices},
	{Name: "timeouts", Do: timeouts},
	{Name: "cancels", Do: cancels},
}

const held = "select count(*) as held from pg_locks where locktype = 'advisory' and pid = " +
	"pg_backend_pid()"

func advisoryLocks(c *client) {
	key := 1000 + c.Number
	c.run("select pg_advisory_lock($1)", key)
	c.run(held)
	c.runOn(c.database, "select pg_try_advisory_xact_lock($1) as got", key)
	for range 2 {
		c.run("select pg_advisory_unlock($1) as unlocked", key)
		c.run(held)
	}
	c.run("select pg_try_advisory_lock($1) as got", key)
	c.run(held)
	c.run("select pg_advisory_unlock_all()")
	c.run(held)
	tx, err := c.conn.BeginTx(c.ctx, nil)
	must(err)
	c.runOn(tx, "select pg_advisory_xact_lock($1)", key)
	c.runOn(tx, held)
	must(tx.Commit())
}

func temporaryTables(c *client) {
	c.exec("create temp table scratch (owner int, v text)")
	c.exec("insert into scratch values ($1, $2)", c.Number, "x")
	c.exec("insert into scratch values ($1, $2)", c.Number, "y")
	c.run("select owner, v from scratch order by v")
	c.exec("drop table scratch")
	c.fails("select * from scratch")
	tx, err := c.conn.BeginTx(c.ctx, nil)
	must(err)
	c.runOn(tx, fmt.Sprintf("create temp table scratch on commit drop as select %d as owner",
		c.Number))
	c.runOn(tx, "select owner from scratch where owner > $1", 0)
	must(tx.Commit())
	c.fails("select * from scratch")
}

func heldCursors(c *client) {
	c.exec("declare held cursor with hold for select n from generate_series(1, 10) n")
	c.run("fetch 2 from held")
	c.exec("move 3 in held")
	c.run("fetch 2 from held")
	c.exec("close held")
	c.fails("fetch 1 from held")
}

// What no text shows: a function locks, listens or creates.
func hidden(c *client) {
	name := fmt.Sprintf("hide_%d", c.Number)
	c.exec(fmt.Sprintf("create or replace function %s() returns void language plpgsql as $$ begin "+
		"perform pg_advisory_lock(%d); create temp table hidden_one (n int); end $$", name,
		2000+c.Number))
	c.run("select " + name + "()")
	c.run(held)
	c.run("insert into hidden_one values ($1) returning n", c.Number)
	c.exec("drop table hidden_one")
	c.run("select pg_advisory_unlock_all()")
	c.run(held)
	c.exec(fmt.Sprintf("do $$ begin execute 'listen hidden_%d'; end $$", c.Number))
	c.run("select * from pg_listening_channels()")
	c.exec("unlisten *")
	c.run("select * from pg_listening_channels()")
	c.exec("drop function " + name)
}

func listener(c *client) {
	channel := fmt.Sprintf("Channel %d", c.Number)
	ears := pq.NewListener(defaults, time.Second, time.Minute,
		func(event pq.ListenerEventType, err error) {
			if err != nil {
				c.sayErrorOrNone(fmt.Sprintf("event %d", event), err)
			}
		})
	defer ears.Close()
	must(ears.Listen(channel))
	c.sayErrorOrNone("listen twice", ears.Listen(channel))
	notify := func(payload string) {
		c.runOn(c.database, "select pg_notify($1, $2)", channel, payload)
	}
	wait := func(count int) {
		deadline := time.After(time.Minute)
		for range count {
			select {
			case got := <-ears.Notify:
				c.Say("notified", []string{got.Channel, got.Extra})
			case <-deadline:
				c.Say("notified", "nothing in a minute")
				return
			}
		}
	}
	notify("one")
	tx, err := c.database.BeginTx(c.ctx, nil)
	must(err)
	for _, payload := range []string{"two", "Grüße", ""} {
		c.runOn(tx, "select pg_notify($1, $2)", channel, payload)
	}
	must(tx.Commit())
	wait(4)
	must(ears.Ping())
	notify("last")
	wait(1)
	must(ears.Unlisten(channel))
	c.sayErrorOrNone("unlisten twice", ears.Unlisten(channel))
	must(ears.Listen(channel))
	must(ears.UnlistenAll())
	notify("to nobody")
	must(ears.Ping())
	c.Say("left", len(ears.Notify))
}

func notices(c *client) {
	base, err := pq.NewConnector(defaults)
	must(err)
	connector := pq.ConnectorWithNoticeHandler(base, func(notice *pq.Error) {
		c.Say("notice", describe(notice))
	})
	database := sql.OpenDB(connector)
	defer database.Close()
	c.runOn(database, fmt.Sprintf("do $$ begin raise notice 'client %%', %d; raise warning "+
		"'careful' using hint = 'a hint'; end $$", c.Number))
	c.runOn(database, "drop table if exists no_such_table")
}

func timeouts(c *client) {
	c.exec("set statement_timeout = '200ms'")
	c.fails("select pg_sleep(20)")
	c.fails("select pg_sleep($1)", 20)
	c.exec("reset statement_timeout")
	tx, err := c.conn.BeginTx(c.ctx, nil)
	must(err)
	c.runOn(tx, "set local statement_timeout = '200ms'")
	c.failsOn(tx, "select pg_sleep(20)")
	must(tx.Rollback())
	c.run("show statement_timeout")
}

// The driver sends a cancel request when a context ends, and gives the connection up.
func cancels(c *client) {
	c.with("", func(database *sql.DB) {
		database.SetMaxOpenConns(1)
		// Prepared without the deadline: should that pass in between, the driver has its own error.
		prepared, err := database.PrepareContext(c.ctx, "select pg_sleep($1)")
		transcript.Must(err)
		for _, exec := range []func(ctx context.Context) error{
			func(ctx context.Context) error {
				_, err := database.ExecContext(ctx, "select pg_sleep(20)")
				return err
			},
			func(ctx context.Context) error {
				_, err := prepared.ExecContext(ctx, 20)
				return err
			},
		} {
			ctx, cancel := context.WithTimeout(c.ctx, 300*time.Millisecond)
			c.sayErrorOrNone("select pg_sleep(20)", exec(ctx))
			cancel()
			c.runOn(database, "select 'alive' as state")
		}
	})
}
