package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"

	"pglynx/drivers/transcript"
)

// Statements: simple, unnamed in two round trips, named, with binary parameters; errors,
// transactions, DDL under a statement, COPY, many rows, pools.

var statementSteps = []transcript.Step[*client]{
	{Name: "table", Do: createTable},
	{Name: "simple", Do: simple},
	{Name: "unnamed", Do: unnamed},
	{Name: "binary parameters", Do: binaryParameters},
	{Name: "named", Do: named},
	{Name: "sql prepare", Do: sqlPrepare},
	{Name: "errors", Do: failing},
	{Name: "transactions", Do: transactions},
	{Name: "ddl", Do: ddl},
	{Name: "copy", Do: copying},
	{Name: "rows", Do: manyRows},
	{Name: "pools", Do: pools},
}

func createTable(c *client) {
	c.exec("drop table if exists " + c.table)
	c.exec(`create table ` + c.table + ` (id int primary key, v text, n numeric(12, 4), b bytea,
		a int[], j jsonb, at timestamptz, d date, f float8, ok boolean)`)
}

func simple(c *client) {
	c.run("select 1 as one, 'x'::text as x, null::int as nothing")
	c.run("")
	c.run("insert into " + c.table + " (id, v) values (1, 'a''b'), (2, null); select id, v from " +
		c.table + " order by id; update " + c.table + " set v = 'c' where id = 2; select 4 as four")
	c.exec("insert into " + c.table + " (id) values (3); insert into " + c.table +
		" (id) values (4)")
	c.fails("insert into " + c.table + " (id) values (5); select 1 / 0")
	c.run("select count(*) from " + c.table)
}

func unnamed(c *client) {
	for n := range 4 {
		c.run("select $1::int as n, $2::text as t", n, "x")
	}
	at := time.Date(2024, 2, 29, 12, 30, 15, 123456000, time.UTC)
	c.run("insert into "+c.table+" values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning *",
		10, "Grüße €", "123.4500", []byte{0, 1, 254, 255}, pq.Array([]int64{1, 2, 3}),
		`{"k": [1, "two", null]}`, at, "1999-12-31", 1.5e300, true)
	c.run("insert into "+c.table+" (id, v, n) values ($1, $2, $3) returning *", 11, nil, nil)
	c.exec("update "+c.table+" set v = $2 where id = $1", 11, "updated")
	c.run("select id from "+c.table+" where id = any($1) order by id", pq.Array([]int{10, 11}))
	c.fails("select $1::int", "not a number")
	c.fails("select $1::int", 1, 2)
	c.fails("select 10 / $1::int", 0)
	c.run("select 10 / $1::int as n", 3)
}

func binaryParameters(c *client) {
	c.with("binary_parameters=yes", func(database *sql.DB) {
		for n := range 4 {
			c.runOn(database, "select $1::int + 1 as n, $2::bytea as b", n, []byte{1, 0, byte(n)})
		}
		c.failsOn(database, "select 10 / $1::int", 0)
	})
}

func named(c *client) {
	insert, err := c.conn.PrepareContext(c.ctx, "insert into "+c.table+" (id, v) values ($1, $2)")
	must(err)
	read, err := c.conn.PrepareContext(c.ctx, "select id, v from "+c.table+
		" where id >= $1 order by id")
	must(err)
	for n := range 4 {
		_, err = insert.ExecContext(c.ctx, 100+n, "row")
		must(err)
		results, err := collect(read.QueryContext(c.ctx, 100))
		must(err)
		c.Say("read", results)
	}
	_, err = insert.ExecContext(c.ctx, 100, "again")
	c.sayErrorOrNone("duplicate", err)
	_, err = insert.ExecContext(c.ctx, 110, "after the error")
	c.sayErrorOrNone("after it", err)
	_, err = c.conn.PrepareContext(c.ctx, "select no_such_column from pg_class")
	c.sayErrorOrNone("bad", err)
	must(insert.Close())
	must(read.Close())
	// A statement of the pool is prepared anew on whatever connection it meets.
	statement, err := c.database.PrepareContext(c.ctx, "select $1::int * 2")
	must(err)
	defer statement.Close()
	for n := range 5 {
		var doubled int
		must(statement.QueryRowContext(c.ctx, n).Scan(&doubled))
		c.Say("of the pool", doubled)
	}
	for n := range 20 {
		statement, err := c.conn.PrepareContext(c.ctx, fmt.Sprintf("select %d", n+c.Number))
		must(err)
		var got int
		must(statement.QueryRowContext(c.ctx).Scan(&got))
		c.Say("short-lived", got)
		must(statement.Close())
	}
}

func sqlPrepare(c *client) {
	c.exec(fmt.Sprintf("prepare p (int) as select $1 * %d as product", c.Number))
	for n := range 3 {
		c.run(fmt.Sprintf("execute p (%d)", n))
	}
	c.fails("prepare p as select 1")
	c.exec("deallocate p")
	c.fails("execute p (1)")
	c.fails("deallocate p")
	c.exec("prepare q as select 1; prepare r as select 2")
	c.exec("deallocate all")
	c.fails("execute q")
}

func failing(c *client) {
	c.fails("insert into "+c.table+" (id) values ($1)", 1)
	c.fails("insert into " + c.table + " (id) values (1)")
	c.fails("selct 1")
	c.fails("select $1::int from from", 1)
	c.fails("select * from no_such_table")
	c.fails("select * from no_such_table where id = $1", 1)
	c.fails("do $$ begin raise exception 'from PL' using errcode = 'P0042', detail = 'a detail'," +
		" hint = 'a hint'; end $$")
	c.run("select 'alive' as state")
}

func transactions(c *client) {
	insert := "insert into " + c.table + " (id) values ($1)"
	tx, err := c.conn.BeginTx(c.ctx, nil)
	must(err)
	c.runOn(tx, insert, 200)
	c.runOn(tx, "savepoint one")
	c.failsOn(tx, insert, 200)
	c.failsOn(tx, "select $1::int", 1)
	c.failsOn(tx, "select 1")
	c.runOn(tx, "rollback to one")
	c.runOn(tx, insert, 201)
	must(tx.Commit())
	tx, err = c.conn.BeginTx(c.ctx, &sql.TxOptions{Isolation: sql.LevelSerializable,
		ReadOnly: true})
	must(err)
	c.runOn(tx, "show transaction_isolation")
	c.failsOn(tx, insert, 202)
	must(tx.Rollback())
	tx, err = c.conn.BeginTx(c.ctx, nil)
	must(err)
	c.failsOn(tx, "select 1 / 0")
	c.sayErrorOrNone("commit of what has failed", tx.Commit())
	// Statements of the pool inside a transaction.
	statement, err := c.database.PrepareContext(c.ctx, "select count(*) from "+c.table)
	must(err)
	defer statement.Close()
	tx, err = c.database.BeginTx(c.ctx, nil)
	must(err)
	c.runOn(tx, insert, 203)
	var count int
	must(tx.StmtContext(c.ctx, statement).QueryRowContext(c.ctx).Scan(&count))
	must(tx.Rollback())
	c.Say("inside", count)
	c.run("select id from " + c.table + " where id >= 200 order by id")
}

func ddl(c *client) {
	name := c.table + "_ddl"
	c.exec("create table " + name + " (id int)")
	c.exec("insert into "+name+" values ($1)", c.Number)
	some, err := c.conn.PrepareContext(c.ctx, "select id from "+name)
	must(err)
	defer some.Close()
	star, err := c.conn.PrepareContext(c.ctx, "select * from "+name)
	must(err)
	defer star.Close()
	outcome := func(label string, statement *sql.Stmt) {
		results, err := collect(statement.QueryContext(c.ctx))
		if err != nil {
			c.Say(label, describe(err))
			return
		}
		c.Say(label, results)
	}
	outcome("some", some)
	outcome("star", star)
	c.exec("alter table " + name + " add column more text default 'new'")
	outcome("some after DDL", some)
	// It must be refused: the driver has described the statement once and would read the new rows
	// as the old ones.
	outcome("star after DDL", star)
	outcome("star after DDL again", star)
	c.run("select * from "+name+" where id <> $1", 0)
	c.exec("drop table " + name)
	outcome("dropped", some)
}

const rowCount = 3000

func copying(c *client) {
	name := c.table + "_many"
	c.exec("create table " + name + " (id int primary key, v text)")
	copyIn := func(statement string, first, count int, commit bool) error {
		tx, err := c.conn.BeginTx(c.ctx, nil)
		must(err)
		defer tx.Rollback()
		copied, err := tx.PrepareContext(c.ctx, statement)
		if err != nil {
			return err
		}
		for n := range count {
			if _, err = copied.ExecContext(c.ctx, first+n, strings.Repeat("v\t", n%20)); err != nil {
				return err
			}
		}
		if _, err = copied.ExecContext(c.ctx); err != nil {
			return err
		}
		if err = copied.Close(); err != nil || !commit {
			return err
		}
		return tx.Commit()
	}
	c.sayErrorOrNone("CopyIn", copyIn(pq.CopyIn(name, "id", "v"), 0, rowCount, true))
	c.sayErrorOrNone("duplicate", copyIn(pq.CopyIn(name, "id", "v"), 0, 1, true))
	c.sayErrorOrNone("COPY in SQL", copyIn("copy "+name+" (id, v) from stdin", 9000, 10, false))
	c.sayErrorOrNone("undefined table", copyIn(pq.CopyIn("no_such_table", "id"), 0, 1, true))
	// The driver has no COPY TO, and gives a connection up that has met one.
	c.with("", func(database *sql.DB) { c.failsOn(database, "copy "+name+" to stdout") })
	c.run("select count(*), sum(length(v)) from " + name)
}

func manyRows(c *client) {
	rows, err := c.conn.QueryContext(c.ctx, "select id, v from "+c.table+"_many where id >= $1"+
		" order by id", 0)
	must(err)
	count, size := 0, 0
	for rows.Next() {
		var id int
		var v string
		must(rows.Scan(&id, &v))
		count, size = count+1, size+id+len(v)
	}
	must(rows.Err())
	c.Say("read", []int{count, size})
	rows, err = c.conn.QueryContext(c.ctx, "select id from "+c.table+"_many order by id")
	must(err)
	rows.Next()
	must(rows.Close()) // reads what is left
	large := strings.Repeat("x", 1<<20)
	var back string
	must(c.conn.QueryRowContext(c.ctx, "select $1::text || $2", large, c.table).Scan(&back))
	c.Say("large", []any{len(back), back == large+c.table})
	c.exec("drop table " + c.table + "_many")
}

// database/sql sends nothing when a connection comes back to its pool; the driver says whether it
// is still good.
func pools(c *client) {
	c.with("application_name=pool", func(database *sql.DB) {
		database.SetMaxOpenConns(1)
		for n := range 3 {
			conn, err := database.Conn(c.ctx)
			must(err)
			c.runOn(conn, fmt.Sprintf("set work_mem = '%dMB'", 4+n))
			must(conn.Close())
			c.runOn(database, "show work_mem")
		}
		must(database.PingContext(c.ctx))
		ctx, cancel := context.WithCancel(c.ctx)
		tx, err := database.BeginTx(ctx, nil)
		must(err)
		c.runOn(tx, "insert into "+c.table+" (id) values (500)")
		cancel() // database/sql rolls back, or closes the connection
		_ = tx.Rollback()
		c.runOn(database, "select count(*) from "+c.table+" where id = 500")
	})
	c.with("", func(database *sql.DB) {
		database.SetMaxOpenConns(4)
		results := make([]string, 40)
		var tasks sync.WaitGroup
		for n := range results {
			tasks.Go(func() {
				query := fmt.Sprintf("select ($1::int + %d)::text", n%3)
				if err := database.QueryRowContext(c.ctx, query, n).Scan(&results[n]); err != nil {
					results[n] = describe(err)
				}
			})
		}
		tasks.Wait()
		c.Say("parallel", results)
	})
}
