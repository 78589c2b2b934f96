'use strict'

// Cursors, many rows, COPY, pools.

const { pipeline } = require('stream/promises')
const { Readable } = require('stream')

const Cursor = require('pg-cursor')
const Pool = require('pg-pool')
const { from, to } = require('pg-copy-streams')

const ROWS = 3000

async function cursors (c) {
  const text = 'select n, n * $1::int as m from generate_series(1, 250) n'
  const cursor = c.main.query(new Cursor(text, [c.number]))
  for (let rows = await cursor.read(100); rows.length > 0; rows = await cursor.read(100)) {
    c.say('read', [rows.length, rows[0], rows[rows.length - 1]])
  }
  await cursor.close()
  const early = c.main.query(new Cursor(text, [1]))
  c.say('one', await early.read(1))
  await early.close()
  await c.value(`select 'after an early close'`)
  const broken = c.main.query(new Cursor('select 1 / (3 - n) as x from generate_series(1, 5) n'))
  await c.transcript.fails('fails in the middle', async () => {
    c.say('first', await broken.read(2))
    return broken.read(2)
  })
  await broken.close().catch(() => {})
  await c.transcript.fails('bad statement', () =>
    c.main.query(new Cursor('select * from no_such_table')).read(1))
  await c.run('begin')
  const inside = c.main.query(new Cursor(`insert into ${c.table} (id) values ($1) returning id`,
    [400]))
  c.say('returning', await inside.read(10))
  await inside.close()
  await c.run(`select count(*)::int as n from ${c.table} where id = 400`)
  await c.run('rollback')
  c.say('rows option', (await c.main.query({ text, values: [2], rows: 60 })).rows.length)
  c.say('named with rows', (await c.main.query({ name: 'rows', text, values: [2], rows: 60 }))
    .rows.length)
}

async function manyRows (c) {
  await c.run(`create table ${c.table}_many (id int primary key, v text)`)
  await c.run(`insert into ${c.table}_many select n, repeat(chr(65 + n % 26), n % 50)
    from generate_series(1, ${ROWS}) n`)
  const { rows } = await c.main.query(`select * from ${c.table}_many order by id`)
  c.say('read', [rows.length, rows[0], rows[ROWS - 1],
    rows.reduce((sum, row) => sum + row.v.length, 0)])
  const large = 'x'.repeat(1 << 20) + c.number
  const back = await c.main.query('select $1::text as v, length($1::text) as n', [large])
  c.say('large', [back.rows[0].v === large, back.rows[0].n])
  await Promise.all(Array.from({ length: 50 }, (_, n) =>
    c.main.query(`update ${c.table}_many set v = $2 where id = $1`, [n + 1, `u${n}`])))
  await c.run(`select count(*)::int as n from ${c.table}_many where v like 'u%'`)
}

async function copy (c) {
  const table = `${c.table}_many`
  const lines = Array.from({ length: ROWS }, (_, n) => `${10000 + n}\tline ${n} of ${c.number}\n`)
  const put = c.main.query(from(`copy ${table} from stdin`))
  await pipeline(Readable.from(lines), put)
  c.say('copied in', put.rowCount)
  const get = c.main.query(to(
    `copy (select * from ${table} where id > 9999 order by id) to stdout`))
  let bytes = ''
  for await (const chunk of get) bytes += chunk
  c.say('copied out', [get.rowCount, bytes === lines.join('')])
  await c.transcript.fails('bad line', () =>
    pipeline(Readable.from(['1\tduplicate\n']), c.main.query(from(`copy ${table} from stdin`))))
  await c.value(`select 'alive'`)
  await c.transcript.fails('given up', async () => {
    const stream = c.main.query(from(`copy ${table} from stdin`))
    stream.write('20000\tlost\n')
    await new Promise((resolve, reject) => {
      stream.once('error', reject)
      stream.destroy(new Error('the application gives up'))
    })
  })
  // The driver has no stream for it: it sends CopyFail.
  await c.fails(`copy ${table} from stdin`)
  await c.run('begin')
  await pipeline(Readable.from(['30000\tx\n']), c.main.query(from(`copy ${table} from stdin`)))
  await c.run('rollback')
  await c.run(`select count(*)::int as n from ${table} where id >= 20000`)
  await c.run(`drop table ${table}`)
}

// pg-pool sends nothing at release: what a connection was told stays with it.
async function pools (c) {
  const pool = new Pool({ max: 1, application_name: `pool ${c.number}` })
  pool.on('error', (error) => c.say('pool error', error.message))
  for (let n = 0; n < 5; n++) {
    const connection = await pool.connect()
    await c.run('show application_name', undefined, connection)
    await c.run(`set work_mem = '${4 + n}MB'`, undefined, connection)
    connection.release()
    await c.run('show work_mem', undefined, pool)
  }
  const open = await pool.connect()
  await c.run('begin', undefined, open)
  await c.run(`insert into ${c.table} (id) values (500)`, undefined, open)
  open.release() // in a transaction, as an application must not
  await c.run(`insert into ${c.table} (id) values (501)`, undefined, pool)
  const thrown = await pool.connect()
  c.say('status', thrown.getTransactionStatus())
  thrown.release(true)
  await c.run(`select count(*)::int as n from ${c.table} where id >= 500`, undefined, pool)
  c.say('pool', [pool.totalCount, pool.idleCount, pool.waitingCount])
  await pool.end()
  const wide = new Pool({ max: 4 })
  const results = await Promise.all(Array.from({ length: 40 }, (_, n) =>
    wide.query({ name: `wide${n % 3}`, text: `select $1::int + ${n % 3} as n` }, [n])))
  c.say('wide', results.map((result) => result.rows[0].n))
  await wide.end()
}

module.exports = [cursors, manyRows, copy, pools]
