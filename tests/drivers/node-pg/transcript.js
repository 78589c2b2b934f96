'use strict'

// What the scripts for Node share: transcripts that hold nothing which changes from run to run,
// and the eight clients that write them at the same time.

// A script that is stuck says where, before its caller ends it.
const SECONDS = Number(process.env.SCRIPT_SECONDS || 270)
const ERROR_FIELDS = ['detail', 'hint', 'position', 'where', 'schema', 'table', 'column',
  'dataType', 'constraint']

// The names that the two drivers give to the same fields.
const ALIASES = { schema: 'schema_name', table: 'table_name', column: 'column_name',
  dataType: 'type_name', constraint: 'constraint_name' }

function plain (value) {
  if (value === undefined) return null
  if (value === null || typeof value !== 'object') {
    return typeof value === 'bigint' ? `${value}n` : value
  }
  if (Buffer.isBuffer(value) || value instanceof Uint8Array) {
    return `\\x${Buffer.from(value).toString('hex')}`
  }
  if (value instanceof Date) return `date ${value.toISOString()}`
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}

// One line, of any value.
function show (value) {
  return typeof value === 'string' ? value : JSON.stringify(plain(value))
}

// An error with all that an application can see of it and that is the same every time.
function showError (error) {
  const parts = [error.severity || error.name, error.code || '-', error.message]
  for (const field of ERROR_FIELDS) {
    const value = error[field] ?? error[ALIASES[field]]
    if (value !== undefined) parts.push(`${field}=${value}`)
  }
  return parts.join(' | ')
}

class Transcript {
  constructor (number) {
    this.number = number
    this.round = 0
    this.step = 'start'
    this.lines = []
  }

  say (label, value) {
    const line = `${this.number}.${this.round} ${this.step}: ${label}: ${show(value)}`
    this.lines.push(line.replace(/\s*\n\s*/g, ' '))
  }

  // Runs what must fail; says how. That it does not fail is a line as well.
  async fails (label, action) {
    try {
      this.say(label, { 'no error, but': await action() })
    } catch (error) {
      this.say(label, showError(error))
    }
  }
}

// A promise with its handles outside, which Node 18 lacks.
function deferred () {
  const result = {}
  result.promise = new Promise((resolve, reject) => Object.assign(result, { resolve, reject }))
  return result
}

// Does `request` again and again until `running` has ended: a cancel may come too early to find
// the statement. Each must have returned before the next, or the last would hit what follows.
async function cancelUntilOver (running, request) {
  let over = false
  const ended = running.then(() => { over = true }, () => { over = true })
  while (!over) {
    await request()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await ended
}

// All steps, ROUNDS times; whether nothing unexpected came. After something unexpected the client
// connects anew and goes on with the next step, so that one fault does not hide the others.
async function walk (transcript, steps, rounds, setUp) {
  let good = true
  let client = await setUp(transcript)
  for (let round = 1; round <= rounds; round++) {
    transcript.round = round
    for (const step of steps) {
      transcript.step = step.name
      try {
        await step(client)
      } catch (error) {
        good = false
        transcript.say('UNEXPECTED', showError(error))
        console.error(`client ${transcript.number}, ${transcript.step}:`, error.stack)
        await client.close()
        client = await setUp(transcript)
      }
    }
  }
  transcript.step = 'end'
  await client.close()
  transcript.step = null
  return good
}

// "pg 8.23.1, node 20.1.0": of the packages that are installed.
function versionLine (names) {
  const lock = require(`${process.env.NODE_PATH}/../installed.json`)
  const versions = names.map((name) => `${name} ${lock.packages[`node_modules/${name}`].version}`)
  return [...versions, `node ${process.versions.node}`].join(', ')
}

function print (transcripts) {
  const text = transcripts.flatMap((transcript) => transcript.lines).join('\n') + '\n'
  require('fs').writeSync(1, text)
}

// Starts CLIENTS clients at the same time and lets each go through the steps ROUNDS times.
// setUp(transcript) makes a client, which has close().
async function main (packages, steps, setUp) {
  if (process.argv[2] === '--version') return console.log(versionLine(packages))
  const count = Number(process.env.CLIENTS || 8)
  const rounds = Number(process.env.ROUNDS || 3)
  const transcripts = Array.from({ length: count }, (_, index) => new Transcript(index + 1))
  const giveUp = setTimeout(() => {
    transcripts.filter((transcript) => transcript.step !== null)
      .forEach((transcript) => transcript.say('not at its end after', `${SECONDS} s`))
    print(transcripts)
    process.exit(1)
  }, SECONDS * 1000)
  // A promise that a driver leaves to nobody must not take the other clients' transcripts along.
  let stray = false
  process.on('unhandledRejection', (error) => {
    stray = true
    console.error('nobody waits for:', error.stack)
  })
  const outcomes = await Promise.all(transcripts.map((transcript) =>
    walk(transcript, steps, rounds, setUp).catch((error) => {
      transcript.say('UNEXPECTED', showError(error))
      console.error(`client ${transcript.number}, ${transcript.step}:`, error.stack)
      return false
    })))
  clearTimeout(giveUp)
  print(transcripts)
  process.exit(outcomes.every(Boolean) && !stray ? 0 : 1)
}

module.exports = { Transcript, cancelUntilOver, deferred, main, show, showError }
