'use strict'

// node-postgres as applications use it: see tests/drivers/README.md.

const pg = require('pg')

const { main } = require('./transcript')
const { setUp } = require('./client')

const steps = [
  ...require('./steps_statements'),
  ...require('./steps_settings'),
  ...require('./steps_state'),
  ...require('./steps_bulk')
]

// A Date of a timestamp without time zone is in the local one.
process.env.TZ = 'UTC'
pg.defaults.parseInputDatesAsUTC = true

main(['pg', 'pg-pool', 'pg-cursor', 'pg-copy-streams'], steps, setUp)
