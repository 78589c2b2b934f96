'use strict'

// State that lives in a server's session and cannot travel, hidden state, notifications, timeouts
// and cancels.

const pg = require('pg')

const { cancelUntilOver, deferred } = require('./transcript')

const HELD = `select count(*)::int from pg_locks
  where locktype = 'advisory' and pid = pg_backend_pid()`

async function advisoryLocks (c) {
  const key = 1000 + c.number
  await c.run('select pg_advisory_lock($1)', [key])
  await c.value(HELD)
  await c.run('select pg_try_advisory_lock($1) as got', [key])
  await c.value(HELD)
  await c.with({}, (other) =>
    c.run('select pg_try_advisory_xact_lock($1) as got', [key], other))
  await c.run('select pg_advisory_unlock($1) as unlocked', [key])
  await c.run('select pg_advisory_unlock($1) as unlocked', [key])
  await c.value(HELD)
  await c.run('begin')
  await c.run('select pg_advisory_xact_lock($1)', [key])
  await c.value(HELD)
  await c.run('commit')
  await c.run(`select pg_advisory_lock_shared(${key}), pg_advisory_lock(${key}, 1)`)
  await c.value(HELD)
  await c.run('select pg_advisory_unlock_all()')
  await c.value(HELD)
}

async function temporaryTables (c) {
  await c.run('create temp table scratch (owner int, v text)')
  await c.run('insert into scratch values ($1, $2)', [c.number, 'x'])
  await c.run('insert into scratch values ($1, $2)', [c.number, 'y'])
  await c.run('select owner, v from scratch order by v')
  await c.run('drop table scratch')
  await c.fails('select * from scratch')
  await c.run('begin')
  await c.run('create temp table scratch on commit drop as select $1::int as owner', [c.number])
  await c.run('select owner from scratch')
  await c.run('commit')
  await c.fails('select * from scratch')
  await c.run('create temp table scratch as select 1 as one')
  await c.run('select one from scratch')
  await c.run('discard temp')
  await c.fails('select * from scratch')
}

async function heldCursors (c) {
  await c.run('declare held cursor with hold for select n from generate_series(1, 10) n')
  await c.run('fetch 2 from held')
  await c.run('move 3 in held')
  await c.run('fetch 2 from held')
  await c.run('close held')
  await c.fails('fetch 1 from held')
  await c.run('begin')
  await c.run(`declare inside cursor for select n * ${c.number} as n from generate_series(1, 5) n`)
  await c.run('fetch 2 from inside')
  await c.run('commit')
  await c.fails('fetch 1 from inside')
}

async function sequences (c) {
  await c.run(`create sequence ${c.table}_seq`)
  await c.run('begin')
  await c.run('select nextval($1)', [`${c.table}_seq`])
  await c.run('select currval($1)', [`${c.table}_seq`])
  await c.run('select lastval()')
  await c.run('commit')
  await c.run(`drop sequence ${c.table}_seq`)
}

// What no text shows: a function locks, sets, listens or creates.
async function hidden (c) {
  const name = `hide_${c.number}`
  await c.run(`create or replace function ${name}_lock() returns void language plpgsql as
    $$ begin perform pg_advisory_lock(${2000 + c.number}); end $$`)
  await c.run(`create or replace function ${name}_set() returns void language plpgsql as
    $$ begin perform set_config('my.number', 'hidden ${c.number}', false); end $$`)
  await c.run(`create or replace function ${name}_temp() returns void language plpgsql as
    $$ begin create temp table hidden_one as select ${c.number} as owner; end $$`)
  await c.run(`select ${name}_lock()`)
  await c.value(HELD)
  await c.run('select pg_advisory_unlock_all()')
  await c.run('begin')
  await c.run(`select ${name}_set()`)
  await c.value(`select current_setting('my.number', true)`)
  await c.run('rollback')
  await c.run(`select ${name}_temp()`)
  await c.run('select owner from hidden_one')
  await c.run('drop table hidden_one')
  await c.run(`do $$ begin perform pg_advisory_lock(${3000 + c.number}); end $$`)
  await c.value(HELD)
  await c.run('select pg_advisory_unlock_all()')
  await c.value(HELD)
  await c.run(`drop function ${name}_lock, ${name}_set, ${name}_temp`)
}

// Calls work(received) with a list that fills, and waits until it has `count`.
async function received (connection, count, work) {
  const list = []
  const enough = deferred()
  const take = (message) => {
    list.push([message.channel, message.payload, message.processId === connection.processID])
    if (list.length === count) enough.resolve()
  }
  connection.on('notification', take)
  await work()
  await enough.promise
  connection.removeListener('notification', take)
  return list
}

async function notifications (c) {
  const channel = `channel_${c.number}`
  await c.run(`listen ${channel}`)
  c.say('own', await received(c.main, 2, async () => {
    await c.run(`notify ${channel}, 'from myself'`)
    await c.run('select pg_notify($1, $2)', [channel, 'Grüße'])
  }))
  await c.with({}, async (other) => {
    c.say('from another', await received(c.main, 5, async () => {
      await c.run('begin', undefined, other)
      for (let n = 0; n < 3; n++) {
        await c.run('select pg_notify($1, $2)', [channel, `${c.number} ${n}`], other)
      }
      await c.run('commit', undefined, other)
      await c.run(`notify ${channel}`, undefined, other)
      await c.run(`notify ${channel}, 'last'`, undefined, other)
    }))
  })
  await c.run('select * from pg_listening_channels() order by 1')
  await c.run(`unlisten ${channel}`)
  await c.run(`notify ${channel}, 'to nobody'`)
  await c.run('select * from pg_listening_channels() order by 1')
  await c.run(`listen ${channel}`)
  await c.run('unlisten *')
}

async function notices (c) {
  const list = []
  const take = (notice) => list.push([notice.severity, notice.code, notice.message, notice.hint])
  c.main.on('notice', take)
  await c.run(`do $$ begin raise notice 'client %', ${c.number}; raise warning 'careful'
    using hint = 'a hint'; end $$`)
  await c.run('drop table if exists no_such_table')
  await c.run('set client_min_messages to error')
  await c.run('drop table if exists no_such_table')
  await c.run('reset client_min_messages')
  c.main.removeListener('notice', take)
  c.say('notices', list)
}

async function timeouts (c) {
  await c.run(`set statement_timeout = '200ms'`)
  await c.fails('select pg_sleep(20)')
  await c.fails('select pg_sleep($1)', [20])
  await c.run('reset statement_timeout')
  await c.run('begin')
  await c.run(`set local statement_timeout = '200ms'`)
  await c.fails('select pg_sleep(20)')
  await c.run('rollback')
  await c.value('show statement_timeout')
  await c.with({ statement_timeout: 200 }, (other) => c.fails('select pg_sleep(20)', undefined,
    other))
  // The driver gives up and closes the connection under the running statement.
  await c.transcript.fails('query_timeout of the driver', () =>
    c.with({ query_timeout: 200 }, (other) => other.query('select pg_sleep(1)')))
}

// A cancel request, back when the server has closed its connection: it has been done then.
function cancel (connection, query) {
  const closed = deferred()
  const canceller = new pg.Client()
  canceller.connection.on('end', closed.resolve)
  canceller.connection.on('error', closed.resolve)
  if (connection._getActiveQuery() !== query) return undefined
  canceller.cancel(connection, query)
  return closed.promise
}

async function cancels (c) {
  for (const [text, values] of [['select pg_sleep(60)'], ['select pg_sleep($1)', [60]]]) {
    const done = deferred()
    const query = new pg.Query(text, values, (error, result) =>
      error ? done.reject(error) : done.resolve(result))
    await c.transcript.fails(`cancel ${text}`, async () => {
      c.main.query(query)
      await cancelUntilOver(done.promise, () => cancel(c.main, query))
      return done.promise
    })
    await c.value(`select 'alive'`)
  }
}

module.exports = [advisoryLocks, temporaryTables, heldCursors, sequences, hidden, notifications,
  notices, timeouts, cancels]
