package main

import (
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pglynx/drivers/transcript"
)

// Batches in all query modes, and pipelines of the layer below.

var batchSteps = []transcript.Step[*client]{
	{Name: "batches", Do: batches},
	{Name: "batch transactions", Do: batchTransactions},
	{Name: "pipelines", Do: pipelines},
}

func batches(c *client) {
	for number, mode := range queryModes {
		c.with("", func(config *pgx.ConnConfig) { config.DefaultQueryExecMode = mode },
			func(conn *pgx.Conn) {
				c.Say("mode", mode.String())
				c.batch(conn, 300+10*number, 0)
				c.batch(conn, 305+10*number, 1)
				c.runOn(conn, "select id from "+c.table+" where id between $1 and $2 order by id",
					300, 399)
				c.exec("delete from " + c.table + " where id >= 300")
			})
	}
}

// batch sends six statements at once; with a divisor of 0 the fourth fails and all are undone.
func (c *client) batch(conn *pgx.Conn, id, divisor int) {
	batch := &pgx.Batch{}
	batch.Queue("insert into "+c.table+" (id, v) values ($1, $2)", id, "batch")
	batch.Queue("insert into "+c.table+" (id, v) values ($1, $2)", id+1, "batch")
	batch.Queue("select id, v from "+c.table+" where id >= $1 order by id", id)
	batch.Queue("select 10 / $1::int as n", divisor)
	batch.Queue("select 'after it' as x")
	batch.Queue("update "+c.table+" set v = $2 where id = $1", id, "updated")
	results := conn.SendBatch(c.ctx, batch)
	for number := range batch.Len() {
		got, err := collect(results.Query())
		c.sayResult(fmt.Sprintf("queued %d", number), got, err)
	}
	c.sayErrorOrNone("closed", results.Close())
}

func (c *client) sayResult(label string, got any, err error) {
	if err != nil {
		c.Say(label, describe(err))
		return
	}
	c.Say(label, got)
}

func batchTransactions(c *client) {
	batch := &pgx.Batch{}
	batch.Queue("begin")
	batch.Queue("set local work_mem = '6MB'")
	batch.Queue("insert into "+c.table+" (id) values ($1)", 400)
	batch.Queue("show work_mem").QueryRow(func(row pgx.Row) error {
		var value string
		err := row.Scan(&value)
		c.Say("inside", value)
		return err
	})
	batch.Queue("rollback")
	batch.Queue("show work_mem").QueryRow(func(row pgx.Row) error {
		var value string
		err := row.Scan(&value)
		c.Say("behind", value)
		return err
	})
	must(c.conn.SendBatch(c.ctx, batch).Close())

	batch = &pgx.Batch{}
	batch.BeginTx(pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	batch.Queue("insert into "+c.table+" (id) values ($1)", 401)
	results := c.conn.SendBatch(c.ctx, batch)
	for range batch.Len() {
		_, err := results.Exec()
		must(err)
	}
	must(results.Close())
	tx := results.Tx()
	c.runOn(tx, "show transaction_isolation")
	c.runOn(tx, "select id from "+c.table+" where id >= 400")
	must(tx.Rollback(c.ctx))
	c.run("select count(*) from " + c.table + " where id >= 400")
}

// Several Syncs and Flushes in flight.
func pipelines(c *client) {
	pipeline := c.conn.PgConn().StartPipeline(c.ctx)
	value := func(text string) [][]byte { return [][]byte{[]byte(text)} }
	pipeline.SendPrepare("piped", "select $1::int + 1 as n", nil)
	pipeline.SendQueryPrepared("piped", value("1"), nil, nil)
	pipeline.SendFlushRequest()
	pipeline.SendQueryParams("select $1::text as t", value("unnamed"), nil, nil, nil)
	pipeline.SendPipelineSync()
	pipeline.SendQueryPrepared("piped", value("2"), nil, nil)
	pipeline.SendQueryParams("select 1 / $1::int", value("0"), nil, nil, nil)
	pipeline.SendQueryPrepared("piped", value("3"), nil, nil)
	pipeline.SendPipelineSync()
	pipeline.SendQueryPrepared("no_such_statement", value("4"), nil, nil)
	pipeline.SendPipelineSync()
	pipeline.SendPrepare("piped", "select 2", nil)
	pipeline.SendPipelineSync()
	pipeline.SendQueryPrepared("piped", value("5"), nil, nil)
	pipeline.SendDeallocate("piped")
	pipeline.SendDeallocate("piped")
	pipeline.SendQueryPrepared("piped", value("6"), nil, nil)
	pipeline.SendPipelineSync()
	must(pipeline.Flush())
	for syncs := 0; syncs < 5; {
		results, err := pipeline.GetResults()
		switch got := results.(type) {
		case *pgconn.PipelineSync:
			syncs++
			c.Say("sync", syncs)
		case *pgconn.StatementDescription:
			c.Say("described", []any{got.Name, got.ParamOIDs, len(got.Fields)})
		case *pgconn.ResultReader:
			read := got.Read()
			c.sayResult("rows", []any{texts(read.Rows), read.CommandTag.String()}, read.Err)
		case *pgconn.CloseComplete:
			c.Say("closed", "")
		default:
			if err == nil {
				c.Say("nothing", fmt.Sprintf("%T", results))
				syncs = 5
				break
			}
			c.Say("error", describe(err))
		}
	}
	must(pipeline.Close())
	c.run("select 'alive' as state")
}

func texts(rows [][][]byte) [][]string {
	var all [][]string
	for _, row := range rows {
		var values []string
		for _, value := range row {
			values = append(values, string(value))
		}
		all = append(all, values)
	}
	return all
}
