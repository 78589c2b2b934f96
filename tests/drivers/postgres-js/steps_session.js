'use strict'

// Settings: each statement after a SET may run on another server, and must not notice.

const read = (sql) => sql`select current_setting('statement_timeout') as statement_timeout,
  current_setting('search_path') as search_path, current_setting('TimeZone') as timezone,
  current_setting('application_name') as application_name, current_setting('DateStyle') as style,
  current_setting('work_mem') as work_mem,
  nullif(current_setting('my.number', true), '') as number, current_user as me`

async function say (c, label, sql) { c.say(label, (await read(sql))[0]) }

async function connecting (c) {
  for (let n = 0; n < 5; n++) {
    await c.with({ max: 1 }, (sql) => c.run('new connection', sql`select ${n}::int as n`))
  }
  await c.with({
    max: 1,
    connection: {
      application_name: `O'Reilly ${c.number}`,
      statement_timeout: 40000 + c.number,
      search_path: `app_${c.number},public`,
      TimeZone: 'Asia/Tokyo',
      options: '-c work_mem=5MB --my.number=a\\ b'
    }
  }, async (sql) => {
    await say(c, 'as started', sql)
    await sql`set statement_timeout = '9s'`
    await sql`set time zone 'America/Lima'`
    await say(c, 'after SET', sql)
    c.say('reported', [sql.parameters.TimeZone, sql.parameters.application_name])
    await sql`reset all`
    await say(c, 'after RESET ALL, as started', sql)
    c.say('reported', [sql.parameters.TimeZone, sql.parameters.application_name])
  })
  const refused = async (label, options) => {
    const sql = c.open({ max: 1, ...options })
    await c.fails(label, sql`select 1`)
    await sql.end({ timeout: 0 })
  }
  await refused('unknown parameter', { connection: { no_such_parameter: 1 } })
  await refused('bad value', { connection: { work_mem: 'much' } })
  await refused('unknown database', { database: 'no_such_db' })
  await refused('bad password', { password: 'wrong' })
}

async function session (c) {
  await c.reserved(async (sql) => {
    await say(c, 'before', sql)
    await sql.unsafe(`set statement_timeout = ${20000 + c.number}`)
    await sql.unsafe(`set search_path to app_${c.number}, "$user", public; set work_mem = '3MB'`)
    await sql`set time zone 'Asia/Tokyo'`
    await sql.unsafe(`set application_name = 'O''Reilly "${c.number}"'`)
    await sql`set DateStyle to 'SQL, DMY'`
    await sql`select set_config('my.number', ${String(c.number)}, false)`
    for (let n = 0; n < 4; n++) {
      await say(c, `after SET ${n}`, sql)
      await c.run('shown', sql`select ${'2024-07-01 12:00Z'}::text::timestamptz::text as t`)
    }
    await c.fails('bad value', sql`set statement_timeout = 'soon'`)
    await c.fails('unknown', sql`set no_such_parameter = 1`)
    await sql`reset application_name`
    await sql`set time zone default`
    await say(c, 'after RESET of two', sql)
    await sql`reset all`
    await say(c, 'after RESET ALL', sql)
  })
}

async function inTransactions (c) {
  await c.reserved(async (sql) => {
    await sql`begin`
    await sql.unsafe(`set local statement_timeout = ${5000 + c.number}`)
    await sql`set time zone 'America/Lima'`
    await say(c, 'inside', sql)
    await sql`savepoint s`
    await sql.unsafe(`set search_path to nowhere_${c.number}`)
    await sql`select set_config('my.number', 'local', true)`
    await say(c, 'inside the savepoint', sql)
    await sql`rollback to s`
    await say(c, 'rolled back to the savepoint', sql)
    await sql`commit`
    await say(c, 'committed', sql)
    await sql`begin`
    await sql`set time zone 'Africa/Cairo'`
    await sql.unsafe(`set search_path to lost_${c.number}`)
    await sql`rollback`
    await say(c, 'rolled back', sql)
    await sql`reset all`
  })
  await c.sql.begin(async (sql) => {
    await sql`set local time zone 'Asia/Tokyo'`
    await say(c, 'in sql.begin', sql)
  })
  await say(c, 'after sql.begin', c.sql)
}

async function roles (c) {
  await c.reserved(async (sql) => {
    await sql.unsafe(`set role ${process.env.PGUSER}_reader`)
    for (let n = 0; n < 3; n++) await say(c, `as reader ${n}`, sql)
    await c.fails('forbidden', sql`select count(*) from ${sql(c.table)}`)
    await sql`reset role`
    await say(c, 'role reset', sql)
    await c.fails('unknown role', sql`set role no_such_role`)
  })
}

async function sqlPrepare (c) {
  await c.reserved(async (sql) => {
    await sql.unsafe(`prepare p (int) as select $1 * ${c.number} as product`)
    for (let n = 1; n <= 3; n++) await c.run('execute', sql.unsafe(`execute p (${n})`))
    await c.fails('twice', sql.unsafe('prepare p as select 1'))
    await c.run('deallocate', sql.unsafe('deallocate p'))
    await c.fails('gone', sql.unsafe('execute p (1)'))
  })
  await c.with({ max: 1 }, async (sql) => {
    await c.run('prepared', sql`select ${1}::int as n`)
    await sql`discard plans`
    await c.run('after DISCARD PLANS', sql`select ${2}::int as n`)
    await sql.unsafe('deallocate all')
    // The driver knows 26000 by the routine that the error names, and prepares again.
    await c.run('after DEALLOCATE ALL', sql`select ${3}::int as n`)
  })
}

module.exports = [connecting, session, inTransactions, roles, sqlPrepare]
