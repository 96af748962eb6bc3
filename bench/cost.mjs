// Computes cost.md from measured figures and a list of prices, so that nothing in it is typed by hand.
//   npm run bench -- --json figures.json
//   node bench/cost.mjs figures.json     takes what matters into cost/figures.json, and writes cost.md
//   node bench/cost.mjs                  writes cost.md from what was taken before
//   node bench/cost.mjs --check          exits 1 when cost.md is anything else
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const read = (path) => JSON.parse(readFileSync(path, 'utf8'))
const FIGURES = join(here, 'cost', 'figures.json')
const PAGE = join(here, 'cost.md')

const MACHINES = 1000
const DAYS = 30
/** A day, for each machine: updates of its channel, and as many changes of another. For the bucket: as many of each. */
const UPDATES = 10
const PUBLISHES = 10
const COLLECTIONS = 1
const POLLS = [
  { name: 'every 5 minutes', perDay: 24 * 12 },
  { name: 'every minute', perDay: 24 * 60 },
]
/** Archives of releases younger than this stay in the bucket. Days. */
const RETENTION = 90
const READS = ['GET', 'HEAD']
const WRITES = ['PUT', 'POST', 'LIST']

/** What a run of `npm run bench` says about the tree of the size of anthropics/skills. */
function taken({ cells, asked, trees, machine }) {
  const [tree] = trees
  const of = (scenario) => {
    const fits = (cell) => cell.tree === tree.name && cell.tool === 'skillsctl' && cell.traffic !== undefined
    const cell = cells.find((cell) => fits(cell) && cell.scenario === scenario && cell.roundTripMs > 0)
    if (cell === undefined) throw new Error(`no measured traffic for ${scenario}`)
    return { requests: cell.traffic.requests, received: cell.traffic.received }
  }
  const machineSide = Object.fromEntries(
    ['nothing', 'elsewhere', 'edit', 'cold'].map((name) => [name, of(name)]),
  )
  return {
    measured: new Date().toISOString().slice(0, 10),
    node: machine.node,
    tree,
    machine: machineSide,
    publisher: asked,
  }
}

/** Requests and bytes of a month. */
function monthOf({ machine, publisher, tree }, pollsPerDay) {
  const perMachine = [
    [machine.edit, UPDATES],
    [machine.elsewhere, UPDATES],
    [machine.nothing, pollsPerDay - 2 * UPDATES],
  ]
  const sum = (field) =>
    perMachine.reduce((total, [what, times]) => total + what[field] * times, 0) * MACHINES * DAYS
  const publishing = [
    [publisher.publish, PUBLISHES],
    [publisher.promote, PUBLISHES],
    [publisher.gc, COLLECTIONS],
  ]
  const asked = (kinds) =>
    publishing.reduce(
      (total, [{ requests }, times]) =>
        total + kinds.reduce((all, kind) => all + (requests[kind] ?? 0), 0) * times,
      0,
    ) * DAYS
  return {
    reads: sum('requests') + asked(READS),
    writes: asked(WRITES),
    out: sum('received') / 1e9,
    stored: (tree.archive * PUBLISHES * RETENTION) / 1e9,
  }
}

function priceOf(month, store, isFree) {
  const free = isFree ? store.free : { writes: 0, reads: 0, 'gigabyte-months': 0, 'gigabytes out': 0 }
  const whole = (amount) => (store['billed in whole millions and gigabytes'] ? Math.ceil(amount) : amount)
  const beyond = (amount, allowance) => Math.max(0, amount - allowance)
  return {
    requests:
      whole(beyond(month.reads, free.reads) / 1e6) * store['million reads'] +
      whole(beyond(month.writes, free.writes) / 1e6) * store['million writes'],
    out: beyond(month.out, free['gigabytes out']) * store['gigabyte out'],
    storage: whole(beyond(month.stored, free['gigabyte-months'])) * store['gigabyte-month'],
  }
}

const dollars = (amount) => `$${amount.toFixed(2)}`
const cents = (amount) => `${(amount * 100).toFixed(2)} ¢`
/** Aligned, as the formatter would have it. */
function table(head, rows) {
  const all = [head, ...rows].map((row) => row.map(String))
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => row[column].length)))
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  return [line(all[0]), line(widths.map((width) => '-'.repeat(width))), ...all.slice(1).map(line)].join('\n')
}
const counts = (requests) =>
  Object.entries(requests)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ')

function page(figures, prices) {
  const { machine, publisher, tree } = figures
  const months = POLLS.map(({ name, perDay }) => ({ name, month: monthOf(figures, perDay) }))
  const priced = prices.stores.flatMap((store) =>
    months.flatMap(({ name, month }) =>
      [false, true].map((isFree) => {
        const { requests, out, storage } = priceOf(month, store, isFree)
        const total = requests + out + storage
        const what = isFree ? 'less what is free each month' : 'list price'
        return [
          store.name,
          name,
          what,
          ...[requests, out, storage, total].map(dollars),
          cents(total / MACHINES),
        ]
      }),
    ),
  )
  const kilo = (bytes) => (bytes / 1000).toFixed(1)
  return `# What ${MACHINES.toLocaleString('en')} machines cost in a month

Written by \`node bench/cost.mjs\` from \`cost/figures.json\` (taken from a run of \`npm run bench\` on ${figures.measured},
Node ${figures.node}) and \`cost/prices.json\` (looked up on ${prices['looked up']}). Do not edit.

A month has ${DAYS} days. Every machine takes ${UPDATES} updates a day and sees ${UPDATES} changes of another channel; the bucket takes
${PUBLISHES} publishes, ${PUBLISHES} promotions and ${COLLECTIONS} collection of garbage a day, and keeps ${RETENTION} days of archives. The tree has ${tree.files} files,
${(tree.bytes / 1e6).toFixed(1)} MB, ${(tree.archive / 1e6).toFixed(1)} MB as an archive; an update is a one-line edit.

## Measured

${table(
  ['a machine', 'requests', 'kB received, with headers'],
  [
    ['nothing new', machine.nothing],
    ['news on another channel only', machine.elsewhere],
    ['one-line edit', machine.edit],
    ['cold install', machine.cold],
  ].map(([name, { requests, received }]) => [name, requests, kilo(received)]),
)}

${table(
  ['a publisher, on S3', 'requests', 'kB up', 'kB down'],
  Object.entries(publisher).map(([name, { requests, up, down }]) => [
    name,
    counts(requests),
    kilo(up),
    kilo(down),
  ]),
)}

## A month

${table(
  ['polling', 'reads (GET, HEAD)', 'writes (PUT, LIST)', 'GB out', 'GB stored'],
  months.map(({ name, month: { reads, writes, out, stored } }) => [
    name,
    Math.round(reads).toLocaleString('en'),
    Math.round(writes).toLocaleString('en'),
    out.toFixed(1),
    stored.toFixed(1),
  ]),
)}

${table(['store', 'polling', '', 'requests', 'transfer', 'storage', 'all', 'per machine'], priced)}

Bytes are those of our own web server; S3 and R2 send a few hundred bytes more of headers with each answer. The garbage
collection that was measured had a small bucket to list: a listing is one write for each 1,000 objects.

## Prices

${prices.stores
  .map(
    ({
      name,
      sources,
      remark,
      ...price
    }) => `**${name}**: ${dollars(price['million writes'])} for a million writes, ${dollars(price['million reads'])} for a million reads, \
$${price['gigabyte-month']} for a gigabyte-month, $${price['gigabyte out']} for a gigabyte to the internet. ${remark[0].toUpperCase()}${remark.slice(1)}.
Free each month: ${price.free.reads.toLocaleString('en')} reads, ${price.free.writes.toLocaleString('en')} writes, ${price.free['gigabyte-months']} GB stored, ${price.free['gigabytes out']} GB out.\
${price['billed in whole millions and gigabytes'] ? ' Billed in whole millions and gigabytes.' : ''}

${sources.map((source) => `- ${source}`).join('\n')}`,
  )
  .join('\n\n')}
`
}

const [from] = process.argv.slice(2)
if (from !== undefined && from !== '--check') {
  writeFileSync(FIGURES, `${JSON.stringify(taken(read(from)), null, 2)}\n`)
}
const written = page(read(FIGURES), read(join(here, 'cost', 'prices.json')))
if (from !== '--check') writeFileSync(PAGE, written)
else if (readFileSync(PAGE, 'utf8') !== written) {
  console.error('cost.md is not what cost/figures.json and cost/prices.json give: run npm run bench:cost')
  process.exitCode = 1
}
