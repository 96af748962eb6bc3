/**
 * Loaded into a victim before anything else (`node --import`): counts every operation by which a process changes
 * a file system, and dies by SIGKILL right before the one that VICTIM_KILL_AT names. With VICTIM_TORN, a write
 * gets half of its bytes out first. Without VICTIM_KILL_AT the operations are listed in the file VICTIM_LOG.
 */
import { ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const killAt = Number(process.env.VICTIM_KILL_AT ?? 0)
const torn = process.env.VICTIM_TORN === '1'
const log = process.env.VICTIM_LOG
const { writeSync, writeFileSync } = fs
const operations = []
let count = 0
let step = ''

/** @param {() => void} tear writes a part of what the operation was about to write */
function operation(name, subject, tear) {
  count += 1
  if (log !== undefined) operations.push({ step, name, subject: String(subject) })
  if (count !== killAt) return
  if (torn) tear?.()
  process.kill(process.pid, 'SIGKILL')
}

/** For run.mjs: the step that the flow says it is in. Entering one is an operation, too. */
globalThis.victimStep = (name) => {
  step = name
  operation('step', name)
}

if (log !== undefined) process.on('exit', () => writeFileSync(log, JSON.stringify(operations)))

const changes = (flags = 'r') =>
  typeof flags === 'number' ? (flags & (fs.constants.O_WRONLY | fs.constants.O_RDWR)) !== 0 : flags !== 'r'

function watch(owner, name, countWhen = () => true, tear = undefined) {
  const original = owner[name]
  if (typeof original !== 'function') return
  owner[name] = function watched(...args) {
    if (countWhen(...args))
      operation(name, subjectOf(owner, name, args), tear && (() => tear.call(this, ...args)))
    return original.apply(this, args)
  }
}

function subjectOf(owner, name, [first, second]) {
  if (name === 'spawn') return first.file
  if (MOVES.has(name.replace(/Sync$/, ''))) return `${first} → ${second}`
  return owner === FileHandle ? 'an open file' : first
}

/** Half of a buffer or string, where write(2) would have put it. */
function writeHalf(fd, data, offset, length, position) {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  const start = typeof offset === 'number' ? offset : 0
  const all = typeof length === 'number' ? length : bytes.length - start
  writeSync(fd, bytes, start, all >> 1, typeof position === 'number' ? position : null)
}

const MOVES = new Set(['rename', 'link', 'symlink'])
const PLAIN = [
  ...[
    'rename',
    'link',
    'symlink',
    'mkdir',
    'mkdtemp',
    'rm',
    'rmdir',
    'unlink',
    'chmod',
    'fchmod',
    'truncate',
  ],
  ...[
    'ftruncate',
    'copyFile',
    'cp',
    'utimes',
    'futimes',
    'lutimes',
    'fsync',
    'fdatasync',
    'writeFile',
    'appendFile',
  ],
]
for (const name of PLAIN) {
  watch(fs, name)
  watch(fs, `${name}Sync`)
  watch(fs.promises, name)
}
for (const [owner, name] of [
  [fs, 'open'],
  [fs, 'openSync'],
  [fs.promises, 'open'],
])
  watch(owner, name, (_path, flags) => changes(flags))
for (const name of ['write', 'writeSync'])
  watch(
    fs,
    name,
    (fd) => fd > 2,
    (fd, ...rest) => writeHalf(fd, ...rest),
  )
watch(fs, 'writev')

const handle = await fs.promises.open(process.execPath, 'r')
const FileHandle = Object.getPrototypeOf(handle)
await handle.close()
for (const name of ['write', 'writeFile', 'appendFile']) {
  watch(
    FileHandle,
    name,
    () => true,
    function tear(...args) {
      writeHalf(this.fd, ...args)
    },
  )
}
for (const name of ['writev', 'sync', 'datasync', 'truncate', 'chmod', 'utimes']) watch(FileHandle, name)
// A program that we start may change files as well; sync(1) ends a step of its own.
watch(ChildProcess.prototype, 'spawn')
syncBuiltinESMExports()
