'use strict'

// postgres.js as applications use it: see tests/drivers/README.md.

const { main } = require('../node-pg/transcript')
const { setUp } = require('./client')

const steps = [
  ...require('./steps_statements'),
  ...require('./steps_session'),
  ...require('./steps_state'),
  ...require('./steps_bulk')
]

main(['postgres'], steps, setUp)
