/**
 * What V8 made of our own files, kept for the next run of the same command: compiling them takes longer than most commands
 * do (SPEC.md, "Compiled code"). Losing it costs that time, nothing else, so whatever goes wrong here goes unmentioned.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import Module, { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { constants, Script } from 'node:vm'
import { temporaryName } from '../src/disk/temporary-name.ts'
import type { Layout } from '../src/home/layout.ts'

/** Of the checksum, and of the length of the index. Bytes. */
const WORD = 4
/** V8 copies what begins elsewhere. Bytes. */
const ALIGNMENT = 8
/** Files of one command: another Node, or another version of ours, may use the same home. */
const KEPT_EACH = 3
/** What stays free for others. Bytes. */
const TO_SPARE = 1024 ** 3

/** Name of a file of ours → what V8 made of it. */
type Compiled = ReadonlyMap<string, Buffer>

export interface CompiledCode {
  /** Keeps what was compiled in this run, if there is a home to keep it in and it is not kept already. */
  keep(): void
}

/**
 * From here on, files of ours that are loaded are taken from what was kept, where it fits.
 * @param command what one command uses is kept together: V8 reads all that it is given
 * @param self path of the running program, whose directory holds everything that it loads
 * @returns undefined for a home that is not there, or that others may write to: they could choose what runs
 */
export function useCompiledCode(layout: Layout, command: string, self: string): CompiledCode | undefined {
  const home = statSync(layout.root, { throwIfNoEntry: false })
  if (home === undefined || !isOursAlone(home)) return undefined
  const path = join(layout.compiled, nameFor(command, self))
  const kept = read(path)
  const compiled = new Map<string, Script>()
  let hasNews = false
  const { cache, extensions } = createRequire(self)

  /** Node's own way to a file looks at every directory above it. */
  const load = (module: NodeJS.Module, id: string): unknown => {
    if (!id.startsWith('./')) return module.require(id)
    const file = join(dirname(self), id)
    const loaded = cache[file] ?? new Module(file)
    if (cache[file] === undefined) run(loaded, file)
    return loaded.exports
  }
  const run = (module: NodeJS.Module, file: string): void => {
    cache[file] = module
    const name = basename(file)
    const script = new Script(Module.wrap(readFileSync(file, 'utf8')), {
      filename: file,
      cachedData: kept.get(name),
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    })
    if (script.cachedDataRejected !== false) hasNews = true
    compiled.set(name, script)
    const require = (id: string): unknown => load(module, id)
    script.runInThisContext()(module.exports, require, module, file, dirname(file))
  }
  const plain = extensions['.js']
  extensions['.cjs'] = (module, file) =>
    dirname(file) === dirname(self) ? run(module, file) : plain?.(module, file)
  return {
    keep: () => {
      if (!hasNews) return
      try {
        if (hasPlaceFor(layout)) write(layout, path, new Map([...kept, ...dataOf(compiled)]))
      } catch {
        // A full disk, or one that may not be written to.
      }
    },
  }
}

/** Other files are named after their content, so that only versions of skillsctl are told apart here. */
function nameFor(command: string, self: string): string {
  const program = checksum(readFileSync(self))
    .toString(16)
    .padStart(2 * WORD, '0')
  return [command, program, process.version, process.arch].join('.')
}

/** With the functions that were compiled when they were called first. */
function* dataOf(scripts: ReadonlyMap<string, Script>): Iterable<[string, Buffer]> {
  for (const [name, script] of scripts) yield [name, script.createCachedData()]
}

/** Whether a machine has joined here, and there is room. */
function hasPlaceFor({ root, config }: Layout): boolean {
  const { bavail, bsize } = statfsSync(root)
  return existsSync(config) && bavail * bsize > TO_SPARE
}

/** Each part; the index: name, start and end of each part; its length; and a checksum of all that. */
function write({ compiled, staging }: Layout, path: string, parts: Compiled): void {
  const body: Buffer[] = []
  const index: [string, number, number][] = []
  let end = 0
  for (const [name, data] of parts) {
    index.push([name, end, end + data.length])
    const padding = Buffer.alloc(-data.length & (ALIGNMENT - 1))
    body.push(data, padding)
    end += data.length + padding.length
  }
  const encoded = Buffer.from(JSON.stringify({ name: basename(path), index }))
  const content = Buffer.concat([...body, encoded, word(encoded.length)])
  const temporary = join(staging, temporaryName('compiled'))
  if (!existsSync(compiled)) mkdirSync(compiled, { mode: 0o700 })
  writeFileSync(temporary, Buffer.concat([content, word(checksum(content))]), { mode: 0o600, flag: 'wx' })
  renameSync(temporary, path)
  sweep(compiled, path)
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(WORD)
  bytes.writeUInt32LE(value)
  return bytes
}

/** Removes those of the same command that were not written lately. */
function sweep(directory: string, path: string): void {
  const [command] = basename(path).split('.')
  const paths = readdirSync(directory)
    .filter((name) => name.startsWith(`${command}.`))
    .map((name) => join(directory, name))
    .sort((left, right) => statSync(right).mtimeMs - statSync(left).mtimeMs)
  for (const other of paths.slice(KEPT_EACH)) rmSync(other)
}

/**
 * V8 runs what it is given and looks at none of it: it has to be ours, and whole.
 * @returns nothing when there is no such file, or it is torn, or somebody else could have written it
 */
function read(path: string): Compiled {
  try {
    const content = readOwn(path)
    const [last, end] = [content.length - WORD, content.length - 2 * WORD]
    if (checksum(content.subarray(0, last)) !== content.readUInt32LE(last)) return new Map()
    const { name, index } = JSON.parse(content.toString('utf8', end - content.readUInt32LE(end), end))
    if (name !== basename(path)) return new Map()
    return new Map(
      index.map(([file, from, to]: [string, number, number]) => [file, content.subarray(from, to)]),
    )
  } catch {
    return new Map()
  }
}

/** @throws when it is missing, or not ours alone */
function readOwn(path: string): Buffer {
  const file = openSync(path, 'r')
  try {
    if (!isOursAlone(fstatSync(file))) throw new TypeError(`${path} is not ours alone`)
    return readFileSync(file)
  } finally {
    closeSync(file)
  }
}

function isOursAlone({ uid, mode }: Stats): boolean {
  return uid === process.geteuid?.() && (mode & 0o022) === 0
}

/** CRC-32: against what disks and power failures do. Against people there is the owner of the file. */
function checksum(content: Buffer): number {
  return process.getBuiltinModule('node:zlib').crc32(content)
}
