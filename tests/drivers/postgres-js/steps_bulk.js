'use strict'

// Cursors, many rows, COPY, large objects.

const { pipeline } = require('stream/promises')
const { Readable } = require('stream')

const ROWS = 3000

async function cursors (c) {
  const { sql } = c
  const numbers = (count) => sql`select n, n * ${c.number}::int as m
    from generate_series(1, ${count}::int) n`
  const batches = []
  for await (const rows of numbers(250).cursor(100)) {
    batches.push([rows.length, rows[0], rows[rows.length - 1]])
  }
  c.say('async iterator', batches)
  const seen = []
  await numbers(250).cursor(60, (rows) => { seen.push(rows.length) })
  c.say('callback', seen)
  for await (const [row] of numbers(10).cursor()) {
    c.say('left early', row)
    break
  }
  await numbers(10).cursor(3, (rows) => {
    c.say('closed early', rows.length)
    return sql.CLOSE
  })
  await c.transcript.fails('fails in the middle', () =>
    sql`select 1 / (3 - n) as x from generate_series(1, 5) n where n > ${0}`.cursor(2, (rows) => {
      c.say('first', [...rows])
    }))
  await c.fails('bad statement', sql`select * from no_such_table`.cursor(2, () => {}))
  await sql.begin(async (tx) => {
    const inside = []
    await tx`select n from generate_series(1, ${7}) n`.cursor(3, async (rows) => {
      inside.push(rows.map((row) => row.n))
    })
    c.say('inside', inside)
  })
  await c.run('alive', sql`select 'alive' as state`)
}

async function manyRows (c) {
  const { sql } = c
  const name = sql(`${c.table}_many`)
  await sql`create table ${name} (id int primary key, v text)`
  const made = Array.from({ length: ROWS }, (_, n) => ({ id: n + 1, v: 'v'.repeat(n % 50) }))
  await c.run('inserted', sql`insert into ${name} ${sql(made)}`)
  const rows = await sql`select * from ${name} order by id`
  c.say('read', [rows.length, rows[0], rows[ROWS - 1],
    rows.reduce((sum, row) => sum + row.v.length, 0)])
  const large = 'x'.repeat(1 << 20) + c.number
  const [back] = await sql`select ${large}::text as v, length(${large}::text) as n`
  c.say('large', [back.v === large, back.n])
  await Promise.all(Array.from({ length: 50 }, (_, n) =>
    sql`update ${name} set v = ${'u' + n} where id = ${n + 1}`))
  await c.run('updated', sql`select count(*)::int as n from ${name} where v like 'u%'`)
}

async function copy (c) {
  const { sql } = c
  const name = sql(`${c.table}_many`)
  const lines = Array.from({ length: ROWS }, (_, n) => `${10000 + n}\tline ${n} of ${c.number}\n`)
  await pipeline(Readable.from(lines), await sql`copy ${name} from stdin`.writable())
  // What the driver's stream holds before it pauses the socket: it never resumes one that was
  // paused at the end (3.4.9, the same without a pooler).
  let text = ''
  const out = await sql`copy (select * from ${name} where id > 9999 order by id limit 300)
    to stdout`.readable()
  for await (const chunk of out) text += chunk
  c.say('there and back', text === lines.slice(0, 300).join(''))
  await c.run('count', sql`select count(*)::int as n from ${name} where id > 9999`)
  await sql.begin(async (tx) => {
    await pipeline(Readable.from(['30000\tx\n']), await tx`copy ${name} from stdin`.writable())
    await c.run('inside', tx`select * from ${name} where id = 30000`)
  })
  await c.fails('undefined table', sql`copy no_such_table from stdin`.writable())
  await sql`drop table ${name}`
}

async function largeObjects (c) {
  const { sql } = c
  const object = await sql.largeObject()
  await object.write(Buffer.from(`large object of ${c.number}`))
  await object.seek(6)
  c.say('read', (await object.read(6))[0].data.toString())
  c.say('size', (await object.size())[0])
  await object.close()
}

// postgres.js sends nothing when a connection becomes free.
async function pools (c) {
  await c.with({ max: 3 }, async (sql) => {
    const results = await Promise.all(Array.from({ length: 40 }, (_, n) =>
      n % 5 === 0
        ? sql.begin((tx) => tx`select ${n}::int as n`)
        : sql`select ${n}::int as n`))
    c.say('mixed', results.map(([row]) => row.n))
  })
  await c.with({ max: 1 }, async (sql) => {
    for (let n = 0; n < 3; n++) {
      const one = await sql.reserve()
      await one.unsafe(`set work_mem = '${4 + n}MB'`)
      one.release()
      await c.run('stays with the connection', sql`show work_mem`)
    }
  })
}

module.exports = [cursors, manyRows, copy, largeObjects, pools]
