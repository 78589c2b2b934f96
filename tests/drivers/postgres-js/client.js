'use strict'

// One logical client: an instance of postgres.js with a pool of its own and the driver's defaults,
// and others that a step opens. What belongs to one session is done in
// sql.begin or on a reserved connection, as the driver's manual asks.

const postgres = require('postgres')

const { showError } = require('../node-pg/transcript')

// The default is 10, which with all clients is more than PostgreSQL takes by default.
const CONNECTIONS = 4

class Client {
  constructor (transcript) {
    this.transcript = transcript
    this.number = transcript.number
    this.notices = []
    this.sql = this.open()
  }

  get table () { return `t${this.number}` }

  // A pool of connections from the environment.
  open (options = {}) {
    return postgres({
      max: CONNECTIONS,
      onnotice: (notice) => this.notices.push([notice.severity, notice.code, notice.message]),
      ...options
    })
  }

  say (label, value) { this.transcript.say(label, value) }

  // What comes back of a query, all of it.
  async run (label, query) { this.say(label, shown(await query)) }

  async fails (label, query) {
    await this.transcript.fails(label, async () => shown(await query))
  }

  // Runs work(sql) in a pool of its own.
  async with (options, work) {
    const sql = this.open(options)
    try {
      await work(sql)
    } finally {
      await sql.end()
    }
  }

  // Runs work(sql) on one connection of the pool.
  async reserved (work, pool = this.sql) {
    const sql = await pool.reserve()
    try {
      await work(sql)
    } finally {
      sql.release()
    }
  }

  async close () { await this.sql.end({ timeout: 5 }) }
}

// The result of a query, or the results of several.
function shown (result) {
  if (!Array.isArray(result) || (Array.isArray(result[0]) && 'command' in result[0])) {
    return Array.isArray(result) ? result.map(shown) : result
  }
  return {
    command: result.command,
    count: result.count,
    columns: (result.columns || []).map((column) =>
      `${column.name}:${column.type}:${column.number}`),
    rows: [...result]
  }
}

// Outcomes of queries that were sent together, in their order.
function outcomes (settled) {
  return settled.map(({ value, reason }) => reason ? showError(reason) : shown(value))
}

async function setUp (transcript) {
  const client = new Client(transcript)
  await client.run('first', client.sql`select ${client.number}::int as client`)
  const { server_version: version, ...parameters } = client.sql.parameters
  client.say('reported at login', Object.entries({ version: parseInt(version), ...parameters })
    .sort().join(' '))
  return client
}

module.exports = { outcomes, setUp, shown }
