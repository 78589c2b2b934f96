package main

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"pglynx/drivers/transcript"
)

// Statements: all query modes, prepared statements by name, errors, transactions, DDL under a
// statement.

var statementSteps = []transcript.Step[*client]{
	{Name: "table", Do: createTable},
	{Name: "modes", Do: modes},
	{Name: "cache", Do: statementCache},
	{Name: "prepared", Do: prepared},
	{Name: "sql prepare", Do: sqlPrepare},
	{Name: "errors", Do: failing},
	{Name: "transactions", Do: transactions},
	{Name: "ddl", Do: ddl},
}

var queryModes = []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement,
	pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec,
	pgx.QueryExecModeSimpleProtocol}

func createTable(c *client) {
	c.exec("drop table if exists " + c.table)
	c.run(`create table ` + c.table + ` (id int primary key, v text, n numeric(12, 4), b bytea,
		a int[], j jsonb, at timestamptz, d date, f float8, ok boolean)`)
}

// Every mode, chosen for the connection and for the statement.
func modes(c *client) {
	for number, mode := range queryModes {
		c.Say("mode", mode.String())
		edit := func(config *pgx.ConnConfig) { config.DefaultQueryExecMode = mode }
		c.with("", edit, func(conn *pgx.Conn) { everyType(c, conn, 10*(number+1)) })
		for n := range 4 {
			c.run("select id, v from "+c.table+" where id >= $1 order by id", mode, 10*number+n)
		}
		c.run("select count(*) from "+c.table, mode)
		c.fails("select 10 / $1::int", mode, 0)
		c.fails("select * from no_such_table where id = $1", mode, 1)
		c.run("select 10 / $1::int", mode, 3)
	}
}

func everyType(c *client, on querier, id int) {
	at := time.Date(2024, 2, 29, 12, 30, 15, 123456000, time.UTC)
	for n := range 3 {
		c.runOn(on, "insert into "+c.table+" values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"+
			" returning *", id+n, "Grüße €", "123.4500", []byte{0, 1, 254, 255},
			[]int32{1, 2, int32(n)}, `{"k": [1, "two", null]}`, at,
			at.Truncate(24*time.Hour), 1.5e300, true)
	}
	c.runOn(on, "insert into "+c.table+" (id, v) values ($1, $2) returning *", id+5, nil)
	c.runOn(on, "select $1::text as t, $2::int8 as i, $3::text[] as a, $4::uuid as u", "it's",
		int64(9007199254740993), []string{"a", `b"c`, "{d}"}, "00112233-4455-6677-8899-aabbccddeeff")
}

// More statements than the driver keeps (512): it closes the oldest on the server.
func statementCache(c *client) {
	if c.Round > 1 {
		return
	}
	sum := 0
	for pass := range 2 {
		for n := range 520 {
			var got int
			must(c.conn.QueryRow(c.ctx, fmt.Sprintf("select $1::int + %d as n%d", n, n),
				pass).Scan(&got))
			sum += got
		}
	}
	c.Say("sum", sum)
}

func prepared(c *client) {
	for _, name := range []string{"first", "second"} {
		statement, err := c.conn.Prepare(c.ctx, name, "select $1::int * 2 as "+name+", $2::text as t")
		must(err)
		c.Say("prepared "+name, []any{statement.Name, statement.SQL, statement.ParamOIDs})
	}
	for n := range 3 {
		c.run("first", n, "x")
		c.run("second", c.Number, "y")
	}
	_, err := c.conn.Prepare(c.ctx, "first", "select $1::int * 2 as first, $2::text as t")
	c.sayErrorOrNone("the same again", err)
	_, err = c.conn.Prepare(c.ctx, "first", "select 3 as other")
	c.sayErrorOrNone("another text", err)
	_, err = c.conn.Prepare(c.ctx, "bad", "select no_such_column from pg_class")
	c.sayErrorOrNone("bad", err)
	c.fails("first", "not a number", "x")
	c.run("first", 5, "after the error")
	// The name of the driver's statement is one of SQL's as well.
	c.run("execute first (7, 'sql')")
	must(c.conn.Deallocate(c.ctx, "second"))
	c.sayErrorOrNone("deallocated twice", c.conn.Deallocate(c.ctx, "second"))
	c.fails("second", 1, "z")
	must(c.conn.DeallocateAll(c.ctx))
	c.fails("execute first (7, 'sql')")
	c.run("select $1::int as alive", 1)
}

func (c *client) sayErrorOrNone(label string, err error) {
	if err == nil {
		c.Say(label, "no error")
		return
	}
	c.Say(label, describe(err))
}

func sqlPrepare(c *client) {
	c.run(fmt.Sprintf("prepare p (int) as select $1 * %d as product", c.Number))
	for n := range 3 {
		c.run(fmt.Sprintf("execute p (%d)", n))
	}
	c.fails("prepare p as select 1")
	c.fails("execute p")
	c.run("deallocate p")
	c.fails("execute p (1)")
	c.fails("deallocate p")
	// The driver's own statements are lost by this, and it is told.
	c.run("prepare q as select 1 as one")
	must(c.conn.DeallocateAll(c.ctx))
	c.fails("execute q")
	c.run("discard plans")
	c.run("select count(*) from "+c.table+" where id < $1", 0)
}

func failing(c *client) {
	c.exec("insert into " + c.table + " (id) values (1)")
	c.fails("insert into "+c.table+" (id) values ($1)", 1)
	c.fails("insert into " + c.table + " (id) values (1)")
	c.fails("selct 1")
	c.fails("select $1::int from from", 1)
	c.fails("select $1::int, $2", 1)
	c.fails("select 1 / 0")
	c.fails("do $$ begin raise exception 'from PL' using errcode = 'P0042', detail = 'a detail'," +
		" hint = 'a hint'; end $$")
	var n int
	c.sayErrorOrNone("no row", c.conn.QueryRow(c.ctx, "select 1 where false").Scan(&n))
	reader := c.conn.PgConn().Exec(c.ctx, "select 1; insert into "+c.table+
		" (id) values (2); select 1 / 0")
	results, err := reader.ReadAll()
	c.sayError("several", len(results), err)
	c.run("select id from " + c.table + " where id < 10 order by id")
}

func transactions(c *client) {
	status := func() { c.Say("status", string(c.conn.PgConn().TxStatus())) }
	insert := "insert into " + c.table + " (id) values ($1)"
	tx, err := c.conn.Begin(c.ctx)
	must(err)
	status()
	c.runOn(tx, insert, 200)
	nested, err := tx.Begin(c.ctx)
	must(err)
	c.failsOn(nested, insert, 200)
	status()
	c.failsOn(nested, "select $1::int", 1)
	must(nested.Rollback(c.ctx))
	status()
	must(pgx.BeginFunc(c.ctx, tx, func(inner pgx.Tx) error {
		c.runOn(inner, insert, 201)
		return nil
	}))
	must(tx.Commit(c.ctx))
	status()
	c.sayErrorOrNone("committed twice", tx.Commit(c.ctx))

	err = pgx.BeginTxFunc(c.ctx, c.conn, pgx.TxOptions{IsoLevel: pgx.Serializable,
		AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		c.runOn(tx, "show transaction_isolation")
		_, err := tx.Exec(c.ctx, insert, 202)
		return err
	})
	c.sayErrorOrNone("read only", err)

	tx, err = c.conn.Begin(c.ctx)
	must(err)
	c.failsOn(tx, "select 1 / 0")
	c.sayErrorOrNone("commit of what has failed", tx.Commit(c.ctx))
	status()
	c.run("rollback")
	c.run("select id from " + c.table + " where id >= 200 order by id")
	c.exec("delete from " + c.table + " where id >= 200")
}

func ddl(c *client) {
	name := c.table + "_ddl"
	for _, mode := range queryModes {
		c.Say("mode", mode.String())
		star := "select * from " + name + " where id <> $1"
		some := "select id from " + name + " where id <> $1"
		c.run("create table "+name+" (id int)", mode)
		c.run("insert into "+name+" values ($1)", mode, c.Number)
		c.run(star, mode, 0)
		c.run(some, mode, 0)
		c.run("alter table "+name+" add column more text default 'new'", mode)
		c.run(some, mode, 0)
		// Outside a transaction Postgres refuses this once where the driver has prepared it, and the
		// driver forgets a statement that has failed so. It must be refused: the driver does not have
		// a statement described again and would read the new rows as the old ones.
		c.outcome(star, mode, 0)
		c.run(star, mode, 0)
		c.run("begin", mode)
		c.run(star, mode, 0)
		c.run("alter table "+name+" drop column more", mode)
		c.outcome(star, mode, 0)
		c.run("rollback", mode)
		c.run(star, mode, 0)
		c.run("drop table "+name, mode)
		c.fails(some, mode, 0)
	}
}
