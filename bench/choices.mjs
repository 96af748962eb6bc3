// Two choices that were made by measuring: how a tree reaches the disk, and which HTTP client asks. See README.md.
//   node bench/choices.mjs [runs]
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { syncParts, syncTree } from '../build/src/disk/sync.js'

// Node 20 parses these certificates at every start; nothing here speaks TLS.
delete process.env.NODE_EXTRA_CA_CERTS

const runs = Number(process.argv[2] ?? 15)
const FILES = Array.from({ length: 415 }, (_, index) => `skills/${index % 72}/file-${index}.md`)
const CONTENT = Buffer.alloc(25_000, 'text ')

/** A tree as an install leaves it, on the disk but for what is written last. */
function treeIn(directory, fresh) {
  const write = (path) => {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), CONTENT)
    chmodSync(join(directory, path), 0o444)
  }
  const old = FILES.slice(fresh)
  for (const path of old) write(path)
  execFileSync('sync', ['-f', directory])
  for (const path of FILES.slice(0, fresh)) write(path)
  const changed = FILES.slice(0, fresh)
  return { changed, directories: [...new Set(['.', 'skills', ...changed.map(dirname)])] }
}

async function syncTimes(fresh) {
  const ways = {
    'sync -f': (directory) => syncTree(directory, FILES, []),
    'fsync of each': (directory, { changed, directories }) => syncParts(directory, changed, directories),
  }
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]))
  for (let run = 0; run < runs; run++) {
    for (const [name, way] of Object.entries(ways)) {
      const directory = mkdtempSync(join(tmpdir(), 'skillsctl-choices-'))
      const tree = treeIn(directory, fresh)
      const began = performance.now()
      await way(directory, tree)
      times[name].push(performance.now() - began)
      rmSync(directory, { recursive: true })
    }
  }
  return times
}

const CLIENTS = {
  'no request': () => '0',
  'node:http': (url) =>
    `require('node:http').get('${url}', (answer) => answer.on('data', () => {}).on('end', () => {}))`,
  fetch: (url) => `fetch('${url}').then((answer) => answer.arrayBuffer())`,
}

/** Whole processes, from start to exit. */
async function clientTimes() {
  const server = createServer((_request, response) => response.setHeader('connection', 'close').end('{}'))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${server.address().port}/`
  const times = Object.fromEntries(Object.keys(CLIENTS).map((name) => [name, []]))
  for (let run = 0; run < runs; run++) {
    for (const [name, script] of Object.entries(CLIENTS)) {
      const began = performance.now()
      const child = spawn(process.execPath, ['-e', script(url)])
      await new Promise((resolve) => child.on('close', resolve))
      times[name].push(performance.now() - began)
    }
  }
  server.close()
  return times
}

function show(title, times) {
  const sorted = Object.entries(times).map(([name, all]) => [name, all.sort((one, other) => one - other)])
  for (const [name, all] of sorted) {
    const [median, fastest] = [all[all.length >> 1], all[0]].map((ms) => ms.toFixed(1).padStart(7))
    console.log(`${title.padEnd(36)} ${name.padEnd(14)} median ${median} ms   fastest ${fastest} ms`)
  }
}

for (const fresh of [415, 20, 1]) show(`${fresh} of 415 files to the disk`, await syncTimes(fresh))
show('a process that asks once', await clientTimes())
