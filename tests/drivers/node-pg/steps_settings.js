'use strict'

// Settings: each statement after a SET may run on another server, and must not notice. (A name
// with a dot that was ever set stays in a server's session as '': the only trace that a setting
// leaves, so no step looks at the difference between that and none.)

const READ = `select current_setting('statement_timeout') as statement_timeout,
  current_setting('search_path') as search_path, current_setting('TimeZone') as timezone,
  current_setting('application_name') as application_name, current_setting('DateStyle') as style,
  current_setting('work_mem') as work_mem, current_setting('extra_float_digits') as digits,
  nullif(current_setting('my.number', true), '') as number,
  current_user as me, session_user as login`

async function read (c, label, on = c.main) {
  c.say(label, (await on.query(READ)).rows[0])
}

async function connecting (c) {
  for (let n = 0; n < 5; n++) {
    await c.with({}, async (connection) => c.run('select $1::int as n', [n], connection))
  }
  const seen = {}
  await c.with({
    application_name: `O'Reilly ${c.number}`,
    statement_timeout: 40000 + c.number,
    lock_timeout: 30000,
    idle_in_transaction_session_timeout: 50000,
    client_encoding: 'UTF8',
    options: `-c search_path=app_${c.number},public --work-mem=5MB ` +
      `-c my.number=a\\ b\\\\${c.number}`
  }, async (connection) => {
    c.sayParameters('reported', seen)
    await read(c, 'as started', connection)
    await c.value('show lock_timeout', undefined, connection)
    await c.value('show idle_in_transaction_session_timeout', undefined, connection)
    await c.run(`set statement_timeout = '9s'; set search_path to public`, undefined, connection)
    await read(c, 'after SET', connection)
    await c.run('reset all', undefined, connection)
    await read(c, 'after RESET ALL, as started', connection)
  }, seen)
  await c.transcript.fails('unknown parameter', () =>
    c.with({ options: '-c no_such_parameter=1' }, () => {}))
  await c.transcript.fails('bad value', () => c.with({ options: '-c work_mem=much' }, () => {}))
  await c.transcript.fails('unknown database', () => c.with({ database: 'no_such_db' }, () => {}))
  await c.transcript.fails('bad password', () => c.with({ password: 'wrong' }, () => {}))
}

async function session (c) {
  await read(c, 'before')
  await c.run(`set statement_timeout = ${20000 + c.number}`)
  await c.run(`set search_path to app_${c.number}, "$user", public`)
  await c.run(`set time zone 'Asia/Tokyo'`)
  await c.run(`set application_name = 'O''Reilly "${c.number}" \\'`)
  await c.run(`set DateStyle to 'German'`)
  await c.run('set extra_float_digits to -3')
  await c.run(`set my.number to '${c.number}'`)
  await c.run('select set_config($1, $2, false)', ['work_mem', `${3000 + c.number}kB`])
  for (let n = 0; n < 4; n++) {
    await read(c, `after SET, ${n}`)
    await c.run('select $1::timestamptz::text as t, 0.1::float8::text as f', ['2024-07-01 12:00Z'])
  }
  c.sayParameters('reported')
  await c.run('show timezone')
  await c.fails('set statement_timeout = \'soon\'')
  await c.fails('set no_such_parameter = 1')
  await c.fails('set max_connections = 7')
  await c.run('reset application_name')
  await c.run('set time zone default')
  await read(c, 'after RESET of two')
  c.sayParameters('reported')
  await c.run('reset all')
  await read(c, 'after RESET ALL')
  c.sayParameters('reported')
}

async function inTransactions (c) {
  await c.run('begin')
  await c.run(`set local statement_timeout = ${5000 + c.number}`)
  await c.run(`set time zone 'America/Lima'`)
  await read(c, 'inside')
  await c.run('savepoint s')
  await c.run(`set search_path to nowhere_${c.number}`)
  await c.run('select set_config($1, $2, true)', ['my.number', 'local'])
  await read(c, 'inside the savepoint')
  await c.run('rollback to s')
  await read(c, 'rolled back to the savepoint')
  await c.run('commit')
  await read(c, 'committed')
  c.sayParameters('reported')
  await c.run('begin')
  await c.run(`set time zone 'Africa/Cairo'`)
  await c.run(`set search_path to lost_${c.number}`)
  c.sayParameters('reported inside')
  await c.run('rollback')
  await read(c, 'rolled back')
  c.sayParameters('reported')
  await c.run(`begin; set local work_mem = '7MB'; set my.number = 'batch'; commit`)
  await read(c, 'after a batch')
  await c.run('set session characteristics as transaction isolation level repeatable read')
  await c.run('show transaction_isolation')
  await c.run('begin')
  await c.run('show transaction_isolation')
  await c.run('commit')
  await c.run('set session characteristics as transaction isolation level read committed')
  await c.run('reset all')
}

async function roles (c) {
  const reader = `${process.env.PGUSER}_reader`
  await c.run(`set role ${reader}`)
  for (let n = 0; n < 3; n++) await read(c, `as reader ${n}`)
  await c.fails(`create table public.${c.table}_forbidden (id int)`)
  await c.fails(`select count(*) from ${c.table}`)
  await c.run('begin')
  await c.run('set local role none')
  await read(c, 'role none inside')
  await c.run('rollback')
  await read(c, 'as reader again')
  await c.run('reset role')
  await read(c, 'role reset')
  await c.run(`set session authorization ${process.env.PGUSER}`)
  await c.run('reset session authorization')
  await c.fails('set role no_such_role')
  await c.fails('set session authorization postgres')
}

async function discard (c) {
  await c.run(`set time zone 'Asia/Tokyo'`)
  await c.run('prepare gone as select 1')
  await c.run('discard plans')
  await c.run('execute gone')
  await c.run('discard all')
  await c.fails('execute gone')
  await read(c, 'after DISCARD ALL')
  c.sayParameters('reported')
  await c.fails('begin; discard all')
  await c.run('rollback')
  // The driver does not know that its named statements are gone.
  c.main.connection.parsedStatements = {}
  c.main.connection.submittedNamedStatements = {}
}

module.exports = [connecting, session, inTransactions, roles, discard]
