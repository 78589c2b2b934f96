'use strict'

// Statements: simple, unnamed, named, pipelined; errors; transactions; DDL under a statement.

async function createTable (c) {
  await c.main.query(`drop table if exists ${c.table}`)
  await c.run(`create table ${c.table} (id int primary key, v text, n numeric(12, 4), b bytea,
    a int[], j jsonb, at timestamptz, d date, f float8, ok boolean)`)
}

async function simple (c) {
  await c.run('select 1 as one, \'x\'::text as x, null::int as nothing')
  await c.run('')
  await c.run(`insert into ${c.table} (id, v) values (1, 'a''b'), (2, null);
    select id, v from ${c.table} order by id; update ${c.table} set v = 'c' where id = 2`)
  await c.run({ text: `select id, v from ${c.table} order by id`, rowMode: 'array' })
  await c.run(`select generate_series(1, 3) as n; select current_date > '2000-01-01' as later`)
  await c.fails(`insert into ${c.table} (id) values (3); select 1 / 0`)
  await c.value(`select count(*)::int from ${c.table}`)
}

async function unnamed (c) {
  const row = [10 + c.number, 'Grüße €', '123.4500', Buffer.from([0, 1, 254, 255]), [1, null, 3],
    JSON.stringify({ k: [1, 'two', null] }), new Date(Date.UTC(2024, 1, 29, 12, 30, 15, 123)),
    '1999-12-31', 1.5e300, true]
  await c.run(`insert into ${c.table} values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    returning *`, row)
  await c.run(`insert into ${c.table} (id, v, n) values ($1, $2, $3) returning *`,
    [20 + c.number, null, null])
  await c.run('select $1::text as t, $2::int8 as i, $3::text[] as a, $4::uuid as u',
    ['x', '9007199254740993', ['a', 'b"c', null, '{d}'], '00112233-4455-6677-8899-aabbccddeeff'])
  await c.run({ text: 'select $1::int + 1 as n, $2::text as t', values: [c.number, 'b'],
    binary: true })
  await c.run({ text: 'select 1 as extended', queryMode: 'extended' })
  await c.run({ text: '', values: [], queryMode: 'extended' })
  await c.fails('select $1::int', ['not a number'])
  await c.fails('select $1::int', [1, 2])
  await c.value('select $1::int', [c.number])
}

async function named (c) {
  const insert = { name: 'put', text: `insert into ${c.table} (id, v) values ($1, $2)` }
  const select = { name: 'get', text: `select id, v from ${c.table} where id >= $1 order by id` }
  for (let n = 0; n < 5; n++) {
    await c.run(insert, [100 + n, `row ${n}`])
    await c.run(select, [100])
  }
  await c.fails(insert, [100, 'again'])
  await c.run(insert, [105, 'after the error'])
  await c.fails({ name: 'get', text: 'select 2' })
  await c.fails({ name: 'bad', text: 'select no_such_column from pg_class' })
  await c.run({ name: 'bad', text: 'select 1 as good_now' })
  // The same names with other texts in other clients and rounds.
  for (let n = 0; n < 20; n++) {
    const name = `s${n}_${c.transcript.round}`
    await c.run({ name, text: `select $1::int + ${n * 10 + c.number} as n` }, [n])
  }
  // SQL sees the statements of the protocol.
  await c.run('execute get (105)')
  await c.fails('prepare put as select 1')
  await c.run('deallocate bad')
  await c.fails({ name: 'bad', text: 'select 1 as good_now' })
  delete c.main.connection.parsedStatements.bad // as the driver does when it meets the error
  delete c.main.connection.submittedNamedStatements.bad
}

async function sqlPrepare (c) {
  await c.run(`prepare p (int) as select $1 * ${c.number} as product`)
  for (let n = 1; n <= 3; n++) await c.run(`execute p (${n})`)
  await c.fails('prepare p as select 1')
  await c.fails('execute p')
  await c.fails('execute no_such_statement')
  await c.run('deallocate p')
  await c.fails('execute p (1)')
  await c.fails('deallocate p')
}

async function errors (c) {
  await c.fails(`insert into ${c.table} (id) values (1)`)
  await c.fails(`insert into ${c.table} (id) values ($1)`, [1])
  await c.fails('select 1 / 0')
  await c.fails('select 1 / $1::int', [0])
  await c.fails('selct 1')
  await c.fails('select $1::int from from', [1])
  await c.fails('select * from no_such_table')
  await c.fails('select * from no_such_table where id = $1', [1])
  await c.fails(`select '\\xff'::bytea::text::int`)
  await c.fails(`do $$ begin raise exception 'from PL' using errcode = 'P0042',
    detail = 'a detail', hint = 'a hint'; end $$`)
  await c.value(`select 'alive'`)
}

async function transactions (c) {
  // A promise of an error is settled before the ReadyForQuery that has the status.
  const status = async () => {
    while (!c.main.readyForQuery) await new Promise((resolve) => setImmediate(resolve))
    c.say('status', c.main.getTransactionStatus())
  }
  await c.run('begin')
  await status()
  await c.run(`insert into ${c.table} (id, v) values ($1, $2)`, [200, 'committed'])
  await c.run('savepoint one')
  await c.fails(`insert into ${c.table} (id) values ($1)`, [200])
  await status()
  await c.fails('select $1::int', [1])
  await c.fails('select 1')
  await c.run('rollback to savepoint one')
  await c.run(`insert into ${c.table} (id) values (201)`)
  await c.run('release savepoint one')
  await c.run('commit')
  await status()
  await c.run('start transaction isolation level serializable, read only')
  await c.run('show transaction_isolation')
  await c.fails(`insert into ${c.table} (id) values (202)`)
  await c.run('commit')
  await c.run('begin; select txid_current_if_assigned() is null as no_id; rollback')
  await c.run('rollback')
  await c.run('commit')
  await c.run(`select id, v from ${c.table} where id >= 200 order by id`)
}

async function pipelined (c) {
  await c.with({ pipeline: true }, async (connection) => {
    const texts = [['select $1::int as n', [1]], ['select 1 / $1::int as n', [0]],
      ['select $1::int as n', [3]], ['select 4 as n', undefined],
      [{ name: 'piped', text: 'select $1::int as n' }, [5]],
      [{ name: 'piped', text: 'select $1::int as n' }, [6]],
      [`insert into ${c.table} (id) values ($1)`, [300]],
      [`insert into ${c.table} (id) values ($1)`, [300]],
      ['begin', undefined], [`insert into ${c.table} (id) values ($1)`, [301]],
      ['commit', undefined], [`select count(*)::int as n from ${c.table}`, undefined]]
    const results = await Promise.allSettled(texts.map(([text, values]) =>
      connection.query(text, values)))
    results.forEach(({ value, reason }, index) => c.say(`pipelined ${index}`,
      value ? [value.command, value.rowCount, value.rows] : `${reason.code} ${reason.message}`))
  })
}

async function ddl (c) {
  const star = { name: `star${c.transcript.round}`, text: `select * from ${c.table}_ddl` }
  const some = { name: `some${c.transcript.round}`, text: `select id from ${c.table}_ddl` }
  await c.run(`create table ${c.table}_ddl (id int)`)
  await c.run(`insert into ${c.table}_ddl values ($1)`, [c.number])
  await c.run(star)
  await c.run(some)
  await c.run(`alter table ${c.table}_ddl add column more text default 'new'`)
  await c.run(some)
  // Outside a transaction Postgres refuses this and pglynx prepares it again: an application that
  // takes a new name sees the same.
  await c.main.query(star).catch(() => {})
  await c.run({ name: `again${c.transcript.round}`, text: star.text })
  await c.run('begin')
  await c.run({ name: `inside${c.transcript.round}`, text: star.text })
  await c.run(`alter table ${c.table}_ddl drop column more`)
  await c.fails({ name: `inside${c.transcript.round}`, text: star.text })
  await c.run('rollback')
  await c.run(`drop table ${c.table}_ddl`)
  await c.fails(some)
}

module.exports = [createTable, simple, unnamed, named, sqlPrepare, errors, transactions, pipelined,
  ddl]
