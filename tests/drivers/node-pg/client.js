'use strict'

// One logical client: a connection that lives through all steps, and others of its own that a
// step may open. Connections are made from the environment (PGHOST, …) with defaults only.

const pg = require('pg')

const SHOWN = ['server_encoding', 'client_encoding', 'application_name', 'DateStyle', 'TimeZone',
  'IntervalStyle', 'integer_datetimes', 'standard_conforming_strings', 'is_superuser',
  'session_authorization', 'in_hot_standby', 'default_transaction_read_only', 'server_version']

class Client {
  constructor (transcript) {
    this.transcript = transcript
    this.number = transcript.number
    this.main = null
    this.seen = {}
  }

  get table () { return `t${this.number}` }

  // A new connection; with `seen`, what the server reports of its parameters goes there.
  async connect (options = {}, seen = {}) {
    const client = new pg.Client(options)
    client.on('error', (error) => { this.transcript.say('connection lost', error.message) })
    client.connection.on('parameterStatus', (message) => {
      seen[message.parameterName] = message.parameterValue
    })
    await client.connect()
    return client
  }

  // Runs work(connection) on a connection of its own.
  async with (options, work, seen = {}) {
    const connection = await this.connect(options, seen)
    try {
      await work(connection)
    } finally {
      await connection.end()
    }
  }

  say (label, value) { this.transcript.say(label, value) }

  // What the server has reported.
  sayParameters (label, seen = this.seen) {
    this.say(label, SHOWN.map((name) => `${name}=${seen[name]}`).join(' '))
  }

  // Runs a statement and says all that comes back.
  async run (text, values, on = this.main) {
    const results = [await on.query(text, values)].flat()
    const label = typeof text === 'string' ? text : text.name || text.text
    for (const result of results) this.say(label, shown(result))
    return results[results.length - 1]
  }

  // Runs a statement that must fail.
  async fails (text, values, on = this.main) {
    const label = typeof text === 'string' ? text : text.name || text.text
    await this.transcript.fails(label, async () => shown(await on.query(text, values)))
  }

  // The value of one column of one row, said.
  async value (text, values, on = this.main) {
    const result = await on.query({ text, values, rowMode: 'array' })
    this.say(text, result.rows[0][0])
    return result.rows[0][0]
  }

  async close () { await this.main.end() }
}

// A result of any statement: tag, count, columns with their types, rows.
function shown (result) {
  return {
    command: result.command,
    count: result.rowCount,
    fields: result.fields.map((field) =>
      `${field.name}:${field.dataTypeID}:${field.dataTypeModifier}:${field.columnID}:${
        field.format}`),
    rows: result.rows
  }
}

async function setUp (transcript) {
  const client = new Client(transcript)
  client.main = await client.connect({}, client.seen)
  client.sayParameters('reported at login')
  return client
}

module.exports = { setUp, shown }
