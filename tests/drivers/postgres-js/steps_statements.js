'use strict'

// Statements: named (the default), unnamed, simple, described, pipelined; errors; transactions;
// DDL under a statement.

const { outcomes } = require('./client')

async function createTable (c) {
  const { sql } = c
  await sql.unsafe(`drop table if exists ${c.table}`)
  await c.run('create', sql`create table ${sql(c.table)} (id int primary key, v text,
    n numeric(12, 4), b bytea, a int[], j jsonb, at timestamptz, d date, f float8, ok boolean)`)
}

async function named (c) {
  const { sql } = c
  const row = {
    id: c.number, v: 'Grüße €', n: '123.4500', b: Buffer.from([0, 1, 254, 255]), a: [1, null, 3],
    j: { k: [1, 'two', null] }, at: new Date(Date.UTC(2024, 1, 29, 12, 30, 15, 123)),
    d: '1999-12-31', f: 1.5e300, ok: true
  }
  await c.run('all types', sql`insert into ${sql(c.table)} ${sql(row)} returning *`)
  await c.run('nulls', sql`insert into ${sql(c.table)} ${sql({ id: 20 + c.number, v: null })}
    returning *`)
  for (let n = 0; n < 6; n++) {
    await c.run('reused', sql`select id, v, ${n}::int as n from ${sql(c.table)}
      where id < ${n * 10} order by id`)
    await c.run('without parameters', sql`select count(*)::int from ${sql(c.table)}`)
  }
  await c.run('several rows', sql`insert into ${sql(c.table)} ${
    sql([{ id: 31, v: 'a' }, { id: 32, v: 'b' }], 'id', 'v')}`)
  await c.run('in a list', sql`select id from ${sql(c.table)} where id in ${sql([31, 32])}
    order by id`)
  await c.run('an array', sql`select id from ${sql(c.table)} where id = any(${[31, 32]}::int[])
    order by id`)
  await c.run('values', sql`select ${'x'}::text as x, ${sql.json({ a: 1 })}::jsonb as j,
    ${sql.array(['a', 'b"c', '{d}'])}::text[] as a, ${'9007199254740993'}::int8 as i,
    ${'00112233-4455-6677-8899-aabbccddeeff'}::uuid as u, ${null}::int as nothing`)
  c.say('as values', await sql`select 1 as a, 'x'::text as b`.values())
  c.say('raw', await sql`select 1 as a, 'x'::text as b`.raw())
  const each = []
  await sql`select n from generate_series(1, 4) n`.forEach((item) => each.push(item.n))
  c.say('for each', each)
  for (let n = 0; n < 20; n++) {
    await c.run('another text', sql.unsafe(`select $1::int + ${n * 10 + c.number} as n`, [n],
      { prepare: true }))
  }
}

async function described (c) {
  const { sql } = c
  for (let n = 0; n < 2; n++) {
    const statement = await sql`select id, v from ${sql(c.table)} where id = ${1}`.describe()
    c.say('described', [statement.string, statement.types,
      statement.columns.map((column) => [column.name, column.type, column.number])])
  }
  await c.fails('described badly', sql`select no_such_column from pg_class`.describe())
}

async function unnamed (c) {
  await c.with({ prepare: false }, async (sql) => {
    for (let n = 0; n < 5; n++) {
      await c.run('unnamed', sql`select ${n}::int as n, ${'x' + n}::text as t`)
      await c.run('unnamed without parameters', sql`select ${sql.unsafe(String(n))} as n`)
    }
    await c.fails('unnamed bad value', sql`select ${'not a number'}::int`)
    c.say('unnamed together', outcomes(await Promise.allSettled(
      [1, 0, 2].map((n) => sql`select 6 / ${n}::int as n`))))
  })
  await c.run('unsafe with parameters', c.sql.unsafe('select $1::int as n', [c.number]))
  await c.run('unsafe without', c.sql.unsafe('select 1 as n, current_schema() as s'))
}

async function simple (c) {
  const { sql } = c
  await c.run('simple', sql`select 1 as one, null::int as nothing`.simple())
  await c.run('several', sql.unsafe(`insert into ${c.table} (id, v) values (41, 'a''b'), (42, null);
    select id, v from ${c.table} where id > 40 order by id;
    update ${c.table} set v = 'c' where id = 42`))
  await c.fails('several with an error', sql.unsafe(
    `insert into ${c.table} (id) values (43); select 1 / 0`))
  await c.run('nothing of it', sql`select count(*)::int from ${sql(c.table)} where id = 43`)
  await c.run('empty', sql.unsafe(''))
}

async function errors (c) {
  const { sql } = c
  const name = sql(c.table)
  await c.fails('duplicate', sql`insert into ${name} (id) values (${31})`)
  await c.fails('duplicate, simple', sql.unsafe(`insert into ${c.table} (id) values (31)`))
  await c.fails('division', sql`select 1 / ${0}::int`)
  await c.fails('division without parameters', sql`select 1 / 0`)
  await c.fails('syntax', sql`selct 1`)
  await c.fails('syntax with a parameter', sql`select ${1}::int from from`)
  await c.fails('undefined table', sql`select * from no_such_table where id = ${1}`)
  await c.fails('bad value', sql`select ${'not a number'}::int`)
  await c.fails('undefined value', sql`select ${undefined}::int`)
  await c.fails('from PL', sql`do $$ begin raise exception 'from PL' using errcode = 'P0042',
    detail = 'a detail', hint = 'a hint'; end $$`)
  await c.run('alive', sql`select 'alive' as state`)
}

async function pipelined (c) {
  await c.reserved(async (sql) => {
    const queries = []
    for (let n = 0; n < 120; n++) queries.push(sql`select 100 / ${n % 40}::int as n`)
    const settled = await Promise.allSettled(queries)
    c.say('on one connection', outcomes(settled).map((outcome) =>
      typeof outcome === 'string' ? outcome : outcome.rows[0].n))
  })
  c.say('on all connections', outcomes(await Promise.allSettled(
    Array.from({ length: 60 }, (_, n) => c.sql`select ${n}::int + ${c.number}::int as n`)))
    .map((outcome) => outcome.rows[0].n))
}

async function transactions (c) {
  const name = c.sql(c.table)
  c.say('committed', await c.sql.begin(async (sql) => {
    await c.run('inserted', sql`insert into ${name} ${sql({ id: 200, v: 'kept' })} returning id`)
    await sql.savepoint(async (inner) => {
      await inner`insert into ${name} (id) values (201)`
      await inner`insert into ${name} (id) values (200)`
    }).catch((error) => c.say('savepoint rolled back', error.message))
    await c.run('after the savepoint', sql`select id from ${name} where id >= 200 order by id`)
    await sql.savepoint('kept', (inner) => inner`insert into ${name} (id) values (202)`)
    return 'done'
  }))
  await c.transcript.fails('rolled back', () => c.sql.begin(async (sql) => {
    await sql`insert into ${name} (id) values (203)`
    throw new Error('the application has changed its mind')
  }))
  await c.transcript.fails('aborted', () => c.sql.begin(async (sql) => {
    await c.fails('error inside', sql`select 1 / ${0}::int`)
    await c.fails('25P02', sql`select ${1}::int`)
  }))
  await c.transcript.fails('read only', () => c.sql.begin('isolation level serializable read only',
    async (sql) => {
      await c.run('level', sql`show transaction_isolation`)
      await sql`insert into ${name} (id) values (204)`
    }))
  c.say('several at once', (await c.sql.begin((sql) => [
    sql`select ${1}::int as n`, sql`select ${2}::int as n`, sql`select 3 as n`
  ])).map((result) => result[0].n))
  await c.run('what is there', c.sql`select id, v from ${name} where id >= 200 order by id`)
  await c.sql`delete from ${name} where id >= 200`
}

async function ddl (c) {
  await c.reserved(async (sql) => {
    const name = sql(`${c.table}_ddl`)
    const star = (n) => sql`select * from ${name} where id <> ${n}`
    await sql`create table ${name} (id int)`
    await sql`insert into ${name} values (${c.number})`
    await c.run('before', star(0))
    await c.run('again', star(0))
    await sql`alter table ${name} add column more text default 'new'`
    // The driver itself prepares again where Postgres answers 0A000.
    await c.run('with another column', star(0))
    await c.run('with another column again', star(0))
    await c.run('begin', sql`begin`)
    await c.run('inside', star(0))
    await sql`alter table ${name} drop column more`
    await c.fails('changed inside', star(0))
    await c.run('rollback', sql`rollback`)
    await c.run('after', star(0))
    await sql`drop table ${name}`
    await c.fails('dropped', star(0))
  })
}

module.exports = [createTable, named, described, unnamed, simple, errors, pipelined, transactions,
  ddl]
