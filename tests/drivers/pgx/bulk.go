package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"

	"pglynx/drivers/transcript"
)

// Many rows, COPY, types and large objects of one's own, pools, database/sql.

var bulkSteps = []transcript.Step[*client]{
	{Name: "copy", Do: copying},
	{Name: "rows", Do: manyRows},
	{Name: "types", Do: ownTypes},
	{Name: "large objects", Do: largeObjects},
	{Name: "pools", Do: pools},
	{Name: "parallel pools", Do: parallelPool},
	{Name: "database/sql", Do: standardLibrary},
}

const rowCount = 3000

func copying(c *client) {
	name := c.table + "_many"
	c.run("create table " + name + " (id int primary key, v text, b bytea)")
	count, err := c.conn.CopyFrom(c.ctx, pgx.Identifier{name}, []string{"id", "v", "b"},
		pgx.CopyFromSlice(rowCount, func(n int) ([]any, error) {
			return []any{n, strings.Repeat("v", n%50), []byte{byte(n), 0}}, nil
		}))
	must(err)
	c.Say("copied", count)
	_, err = c.conn.CopyFrom(c.ctx, pgx.Identifier{name}, []string{"id"},
		pgx.CopyFromRows([][]any{{rowCount}, {0}}))
	c.sayErrorOrNone("duplicate", err)
	_, err = c.conn.CopyFrom(c.ctx, pgx.Identifier{name}, []string{"id"},
		pgx.CopyFromFunc(func() ([]any, error) { return nil, fmt.Errorf("given up") }))
	c.sayErrorOrNone("given up", err)
	var text bytes.Buffer
	tag, err := c.conn.PgConn().CopyTo(c.ctx, &text, "copy (select id, v from "+name+
		" order by id) to stdout")
	must(err)
	c.Say("copied out", []any{tag.String(), text.Len(), text.String()[:20]})
	tx, err := c.conn.Begin(c.ctx)
	must(err)
	tag, err = tx.Conn().PgConn().CopyFrom(c.ctx, strings.NewReader("9001\tx\n9002\ty\n"),
		"copy "+name+" (id, v) from stdin")
	must(err)
	c.Say("copied in text", tag.String())
	must(tx.Rollback(c.ctx))
	_, err = c.conn.PgConn().CopyTo(c.ctx, &text, "copy no_such_table to stdout")
	c.sayErrorOrNone("undefined table", err)
	c.run("select count(*) from " + name)
}

func manyRows(c *client) {
	rows, err := c.conn.Query(c.ctx, "select id, v, b from "+c.table+"_many order by id")
	must(err)
	count, size := 0, 0
	for rows.Next() {
		var id int
		var v string
		var b []byte
		must(rows.Scan(&id, &v, &b))
		count, size = count+1, size+len(v)+len(b)+id
	}
	must(rows.Err())
	c.Say("read", []int{count, size})
	rows, err = c.conn.Query(c.ctx, "select id from "+c.table+"_many order by id")
	must(err)
	rows.Next()
	rows.Close() // reads what is left
	large := strings.Repeat("x", 1<<20)
	var back string
	must(c.conn.QueryRow(c.ctx, "select $1::text || $2", large, c.table).Scan(&back))
	c.Say("large", []any{len(back), back == large+c.table})
	c.exec("drop table " + c.table + "_many")
}

func ownTypes(c *client) {
	mood, pair := fmt.Sprintf("mood_%d", c.Number), fmt.Sprintf("pair_%d", c.Number)
	c.run("create type " + mood + " as enum ('sad', 'glad')")
	c.run("create type " + pair + " as (n int, m " + mood + ")")
	c.with("", nil, func(conn *pgx.Conn) {
		found, err := conn.LoadTypes(c.ctx, []string{mood, pair, "_" + mood})
		must(err)
		conn.TypeMap().RegisterTypes(found)
		c.Say("types", len(found))
		c.runOn(conn, "select $1::"+mood+" as m, array['sad', 'glad']::"+mood+"[] as a, "+
			"row(1, 'glad')::"+pair+" as p", "sad")
	})
	c.run("drop type " + pair)
	c.run("drop type " + mood)
}

func largeObjects(c *client) {
	tx, err := c.conn.Begin(c.ctx)
	must(err)
	objects := tx.LargeObjects()
	id, err := objects.Create(c.ctx, 0)
	must(err)
	object, err := objects.Open(c.ctx, id, pgx.LargeObjectModeRead|pgx.LargeObjectModeWrite)
	must(err)
	_, err = object.Write([]byte("large object " + c.table))
	must(err)
	_, err = object.Seek(6, 0)
	must(err)
	part := make([]byte, 6)
	_, err = object.Read(part)
	must(err)
	c.Say("read", string(part))
	must(objects.Unlink(c.ctx, id))
	must(tx.Commit(c.ctx))
}

// At release pgxpool sends nothing: it looks at the transaction status and closes the connection
// if that is not idle.
func pools(c *client) {
	config, err := pgxpool.ParseConfig("pool_max_conns=1")
	must(err)
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
	pool, err := pgxpool.NewWithConfig(c.ctx, config)
	must(err)
	defer pool.Close()
	for n := range 3 {
		conn, err := pool.Acquire(c.ctx)
		must(err)
		c.runOn(conn, fmt.Sprintf("set work_mem = '%dMB'", 4+n))
		conn.Release()
		c.runOn(pool, "show work_mem")
		c.runOn(pool, "select $1::int as n", n)
	}
	conn, err := pool.Acquire(c.ctx)
	must(err)
	c.runOn(conn, "begin")
	c.runOn(conn, "insert into "+c.table+" (id) values (500)")
	conn.Release() // in a transaction, as an application must not
	c.runOn(pool, "select count(*) from "+c.table+" where id = 500")
	c.runOn(pool, "show work_mem")
	must(pgx.BeginFunc(c.ctx, pool, func(tx pgx.Tx) error {
		c.runOn(tx, "insert into "+c.table+" (id) values (501) returning id")
		return nil
	}))
	batch := &pgx.Batch{}
	batch.Queue("delete from "+c.table+" where id = $1", 501)
	batch.Queue("select count(*) from "+c.table+" where id = $1", 501)
	must(pool.SendBatch(c.ctx, batch).Close())
	must(pool.AcquireFunc(c.ctx, func(conn *pgxpool.Conn) error {
		_, err := conn.Exec(c.ctx, fmt.Sprintf("listen pool_%d; unlisten *", c.Number))
		return err
	}))
	must(pool.Ping(c.ctx))
	c.Say("connections", []any{pool.Stat().TotalConns(), pool.Stat().NewConnsCount()})
}

func parallelPool(c *client) {
	pool, err := pgxpool.New(c.ctx, "pool_max_conns=4")
	must(err)
	defer pool.Close()
	results := make([]string, 40)
	var tasks sync.WaitGroup
	for n := range results {
		tasks.Go(func() {
			var got string
			err := pool.QueryRow(c.ctx, fmt.Sprintf("select ($1::int + %d)::text", n%3), n).Scan(&got)
			if err != nil {
				got = describe(err)
			}
			results[n] = got
		})
	}
	tasks.Wait()
	c.Say("results", results)
}

func standardLibrary(c *client) {
	database, err := sql.Open("pgx", "")
	must(err)
	defer database.Close()
	database.SetMaxOpenConns(2)
	statement, err := database.PrepareContext(c.ctx, "select $1::int * 2, $2::text")
	must(err)
	for n := range 5 {
		var doubled int
		var text string
		must(statement.QueryRowContext(c.ctx, n, "x").Scan(&doubled, &text))
		c.Say("row", []any{doubled, text})
	}
	must(statement.Close())
	tx, err := database.BeginTx(c.ctx, &sql.TxOptions{Isolation: sql.LevelSerializable,
		ReadOnly: true})
	must(err)
	_, err = tx.ExecContext(c.ctx, "insert into "+c.table+" (id) values (600)")
	c.sayErrorOrNone("read only", err)
	must(tx.Rollback())
	conn, err := database.Conn(c.ctx)
	must(err)
	_, err = conn.ExecContext(c.ctx, "set time zone 'Asia/Tokyo'")
	must(err)
	var zone string
	must(conn.QueryRowContext(c.ctx, "show timezone").Scan(&zone))
	c.Say("time zone", zone)
	must(conn.Close())
	must(database.PingContext(c.ctx))
}
