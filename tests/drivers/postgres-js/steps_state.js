'use strict'

// State that lives in a server's session, notifications, timeouts and cancels.

const { cancelUntilOver, deferred } = require('../node-pg/transcript')

const held = (sql) => sql`select count(*)::int as held from pg_locks
  where locktype = 'advisory' and pid = pg_backend_pid()`

async function advisoryLocks (c) {
  const key = 1000 + c.number
  await c.reserved(async (sql) => {
    await c.run('lock', sql`select pg_advisory_lock(${key})`)
    await c.run('held', held(sql))
    await c.run('taken elsewhere', c.sql`select pg_try_advisory_xact_lock(${key}) as got`)
    await c.run('unlock', sql`select pg_advisory_unlock(${key}) as unlocked`)
    await c.run('held', held(sql))
    await c.run('try', sql`select pg_try_advisory_lock(${key}) as got`)
    await c.run('held', held(sql))
    await c.run('unlock all', sql`select pg_advisory_unlock_all()`)
    await c.run('held', held(sql))
  })
  await c.sql.begin(async (sql) => {
    await c.run('of the transaction', sql`select pg_advisory_xact_lock(${key})`)
    await c.run('held', held(sql))
  })
}

async function temporaryTables (c) {
  await c.reserved(async (sql) => {
    await sql`create temp table scratch (owner int, v text)`
    for (const v of ['x', 'y']) await sql`insert into scratch values (${c.number}, ${v})`
    await c.run('scratch', sql`select owner, v from scratch order by v`)
    await sql`drop table scratch`
    await c.fails('dropped', sql`select * from scratch`)
  })
  await c.sql.begin(async (sql) => {
    await sql`create temp table scratch on commit drop as select ${c.number}::int as owner`
    await c.run('on commit drop', sql`select owner from scratch`)
  })
  await c.fails('committed', c.sql`select owner from scratch`)
}

async function heldCursors (c) {
  await c.reserved(async (sql) => {
    await sql`declare held cursor with hold for select n from generate_series(1, 10) n`
    await c.run('fetch', sql`fetch 2 from held`)
    await c.run('move', sql`move 3 in held`)
    await c.run('fetch', sql`fetch 2 from held`)
    await sql`close held`
    await c.fails('closed', sql.unsafe('fetch 1 from held'))
  })
}

async function hidden (c) {
  const name = c.sql(`hide_${c.number}`)
  await c.sql`create or replace function ${name}() returns void language plpgsql as $$ begin
    perform pg_advisory_lock(${c.sql.unsafe(String(2000 + c.number))});
    create temp table if not exists hidden_one (n int); end $$`
  await c.reserved(async (sql) => {
    await sql`select ${name}()`
    await c.run('held', held(sql))
    await c.run('hidden table', sql`insert into hidden_one values (${c.number}) returning n`)
    await sql`drop table hidden_one`
    await sql`select pg_advisory_unlock_all()`
    await c.run('held', held(sql))
  })
  await c.sql`drop function ${name}`
}

async function notifications (c) {
  const channel = `channel "${c.number}"`
  const list = []
  const all = deferred()
  const { state, unlisten } = await c.sql.listen(channel, (payload) => {
    list.push(payload)
    if (list.length === 5) all.resolve()
  }, () => c.say('onlisten', 'called'))
  c.say('listening', typeof state.pid)
  await c.sql.notify(channel, 'one')
  await c.sql.begin(async (sql) => {
    for (const payload of ['two', 'Grüße', '']) await sql.notify(channel, payload)
  })
  await c.sql.unsafe(`notify "channel ""${c.number}""", 'last'`)
  await all.promise
  c.say('received', list)
  await unlisten()
  await c.sql.notify(channel, 'to nobody')
  c.say('received', list)
}

async function notices (c) {
  c.notices.length = 0
  await c.sql.unsafe(`do $$ begin raise notice 'client %', ${c.number};
    raise warning 'careful'; end $$`)
  await c.sql`drop table if exists no_such_table`
  c.say('notices', c.notices)
}

async function timeouts (c) {
  await c.reserved(async (sql) => {
    await sql`set statement_timeout = '200ms'`
    await c.fails('sleeps', sql`select pg_sleep(20)`)
    await c.fails('sleeps with a parameter', sql`select pg_sleep(${20})`)
    await sql`reset statement_timeout`
    await c.run('reset', sql`show statement_timeout`)
  })
  await c.transcript.fails('in sql.begin', () => c.sql.begin(async (sql) => {
    await sql`set local statement_timeout = '200ms'`
    await sql`select pg_sleep(20)`
  }))
  await c.with({ max: 1, connection: { statement_timeout: 200 } }, (sql) =>
    c.fails('of the connection', sql`select pg_sleep(20)`))
}

// query.cancel() works once, may come before the statement has begun and does not say when it is
// done; what it calls does.
async function cancels (c) {
  for (const make of [(sql) => sql`select pg_sleep(${60})`, (sql) => sql`select pg_sleep(60)`]) {
    await c.reserved(async (sql) => {
      const query = make(sql)
      const request = query.canceller
      query.catch(() => {})
      while (!query.active) await new Promise((resolve) => setImmediate(resolve))
      await cancelUntilOver(query, () => query.active && request(query))
      await c.fails('cancelled', query)
      await c.run('alive', sql`select 'alive' as state`)
    })
  }
  const queued = c.sql`select 1`
  queued.cancel()
  await c.fails('cancelled before it was sent', queued)
}

module.exports = [advisoryLocks, temporaryTables, heldCursors, hidden, notifications, notices,
  timeouts, cancels]
