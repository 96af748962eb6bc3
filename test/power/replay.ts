/** What each system call does to a disk. A call that is not named here and changes files makes the replay fail. */
import { isAbsolute, join } from 'node:path'
import { Directory, type Disk, File, Link } from './disk.ts'
import { type Call, pathIn } from './strace.ts'

type Effect = (disk: Disk, call: Call) => void

/** Paths of `*at` calls count from the directory that a descriptor names. */
function at(directory: string | undefined, path: string | undefined): string {
  const absolute = pathIn(path) ?? ''
  return isAbsolute(absolute) ? absolute : join(pathIn(directory) ?? '', absolute)
}

const umask = process.umask()

function mode(argument: string | undefined): number {
  return Number.parseInt(argument ?? '', 8) & 0o777
}

function open(disk: Disk, path: string, flags: string, permissions: string | undefined, { end }: Call): void {
  if (flags.includes('O_TMPFILE')) throw new Error('files without a name are not modelled')
  if (!disk.covers(path)) return
  if (flags.includes('O_CREAT') && disk.find(path) === undefined) {
    // Until it is synced it may turn out to be nothing but a name.
    const file = disk.add(new File(-1, 0))
    file.write(0, end)
    file.mode.set(mode(permissions) & ~umask, end)
    disk.nameAt(path).set(file, end)
  } else if (flags.includes('O_TRUNC')) fileAt(disk, path)?.write(0, end)
}

function fileAt(disk: Disk, path: string | undefined): File | undefined {
  if (path === undefined || !disk.covers(path)) return undefined
  const inode = disk.find(path)
  return inode instanceof File ? inode : undefined
}

/** @param place of the descriptor among the arguments. @param offset that of where it writes, if it says so */
const write =
  (place: number, offset?: number): Effect =>
  (disk, { args, result = 0, end }) => {
    const file = fileAt(disk, pathIn(args[place]))
    const start = Number.parseInt(args[offset ?? -1]?.replace('[', '') ?? '', 10)
    if (file === undefined) return
    file.write(
      Number.isNaN(start) ? file.size.latest + result : Math.max(file.size.latest, start + result),
      end,
    )
  }

function makeDirectory(disk: Disk, path: string, permissions: string | undefined, { end }: Call): void {
  if (!disk.covers(path)) return
  disk.nameAt(path).set(disk.add(new Directory(mode(permissions) & ~umask)), end)
}

function remove(disk: Disk, path: string, { end }: Call): void {
  if (disk.covers(path)) disk.nameAt(path).set(undefined, end)
}

function rename(disk: Disk, from: string, to: string, { end }: Call): void {
  if (!disk.covers(from) && !disk.covers(to)) return
  if (!disk.covers(from) || !disk.covers(to)) throw new Error(`${from} → ${to} leaves what is modelled`)
  disk.nameAt(to).set(disk.find(from), end)
  disk.nameAt(from).set(undefined, end)
}

function link(disk: Disk, from: string, to: string, { end }: Call): void {
  if (disk.covers(to)) disk.nameAt(to).set(disk.find(from), end)
}

function symlink(disk: Disk, target: string | undefined, path: string, { end }: Call): void {
  if (disk.covers(path)) disk.nameAt(path).set(disk.add(new Link(pathIn(target) ?? '')), end)
}

function changeMode(disk: Disk, path: string, permissions: string | undefined, { end }: Call): void {
  const inode = disk.covers(path) ? disk.find(path) : undefined
  if (inode !== undefined && !(inode instanceof Link)) inode.mode.set(mode(permissions), end)
}

function resize(disk: Disk, path: string, size: string | undefined, { end }: Call): void {
  fileAt(disk, path)?.write(Number(size), end)
}

const refuse: Effect = (disk, { name, args }) => {
  const paths = args.map(pathIn).filter((path) => path !== undefined)
  if (paths.length === 0 || paths.some((path) => disk.covers(path)))
    throw new Error(`${name} is not modelled`)
}

/**
 * Nothing that is done through a ring shows in a trace. The program runs with UV_USE_IO_URING=0, so that libuv has none
 * for files; those are polled by the kernel. From Node 22 on it has another, which only changes what epoll watches.
 */
function refuseFileRing(_disk: Disk, { args }: Call): void {
  if (args.join(', ').includes('IORING_SETUP_SQPOLL')) throw new Error('io_uring_setup is not modelled')
}

const CHANGES: Readonly<Record<string, Effect>> = {
  open: (disk, call) => open(disk, at(undefined, call.args[0]), call.args[1] ?? '', call.args[2], call),
  openat: (disk, call) => open(disk, at(call.args[0], call.args[1]), call.args[2] ?? '', call.args[3], call),
  creat: (disk, call) => open(disk, at(undefined, call.args[0]), 'O_CREAT|O_TRUNC', call.args[1], call),
  write: write(0),
  writev: write(0),
  pwrite64: write(0, 3),
  pwritev: write(0, 3),
  sendfile: write(0),
  copy_file_range: write(2, 3),
  ioctl: (disk, call) => {
    const [to, request = '', from] = call.args
    if (!/CLONE/.test(request)) return
    const source = fileAt(disk, pathIn(from))
    fileAt(disk, pathIn(to))?.write(source?.size.latest ?? 0, call.end)
  },
  truncate: (disk, call) => resize(disk, at(undefined, call.args[0]), call.args[1], call),
  ftruncate: (disk, call) => resize(disk, pathIn(call.args[0]) ?? '', call.args[1], call),
  mkdir: (disk, call) => makeDirectory(disk, at(undefined, call.args[0]), call.args[1], call),
  mkdirat: (disk, call) => makeDirectory(disk, at(call.args[0], call.args[1]), call.args[2], call),
  rmdir: (disk, call) => {
    const path = at(undefined, call.args[0])
    // Killed before anybody saw whether it fails: it does where something is left.
    if (call.result !== undefined || !disk.holdsAny(path)) remove(disk, path, call)
  },
  unlink: (disk, call) => remove(disk, at(undefined, call.args[0]), call),
  unlinkat: (disk, call) => remove(disk, at(call.args[0], call.args[1]), call),
  rename: (disk, call) => rename(disk, at(undefined, call.args[0]), at(undefined, call.args[1]), call),
  renameat: (disk, call) =>
    rename(disk, at(call.args[0], call.args[1]), at(call.args[2], call.args[3]), call),
  renameat2: (disk, call) => {
    if (call.args[4]?.includes('EXCHANGE')) refuse(disk, call)
    rename(disk, at(call.args[0], call.args[1]), at(call.args[2], call.args[3]), call)
  },
  link: (disk, call) => link(disk, at(undefined, call.args[0]), at(undefined, call.args[1]), call),
  linkat: (disk, call) => link(disk, at(call.args[0], call.args[1]), at(call.args[2], call.args[3]), call),
  symlink: (disk, call) => symlink(disk, call.args[0], at(undefined, call.args[1]), call),
  symlinkat: (disk, call) => symlink(disk, call.args[0], at(call.args[1], call.args[2]), call),
  chmod: (disk, call) => changeMode(disk, at(undefined, call.args[0]), call.args[1], call),
  fchmod: (disk, call) => changeMode(disk, pathIn(call.args[0]) ?? '', call.args[1], call),
  fchmodat: (disk, call) => changeMode(disk, at(call.args[0], call.args[1]), call.args[2], call),
  openat2: refuse,
  pwritev2: refuse,
  splice: refuse,
  fallocate: refuse,
  fchmodat2: refuse,
  mknodat: refuse,
  io_uring_setup: refuseFileRing,
}

/** What makes safe; it takes effect at its end, for what was complete when it began. */
const SYNCS: Readonly<Record<string, Effect>> = {
  fsync: (disk, { args, begin }) => {
    const path = pathIn(args[0]) ?? ''
    if (disk.covers(path)) disk.find(path)?.sync(begin)
  },
  fdatasync: (disk, { args, begin }) => {
    const file = fileAt(disk, pathIn(args[0]))
    for (const cell of [file?.size, file?.writes]) cell?.sync(begin)
  },
  // One file system holds everything here.
  syncfs: (disk, { args, begin }) => {
    if (disk.covers(pathIn(args[0]) ?? '')) disk.syncAll(begin)
  },
  sync: (disk, { begin }) => disk.syncAll(begin),
}

/** The system calls to record. */
export const TRACED: readonly string[] = [...Object.keys(CHANGES), ...Object.keys(SYNCS)]

export function isSync({ name }: Call): boolean {
  return Object.hasOwn(SYNCS, name)
}

/** Replays calls, and stops after each that changed something here, or made it safe. */
export function* replay(disk: Disk, calls: readonly Call[]): Generator<Call> {
  const moments = calls
    .filter((call) => concerns(disk, call))
    .flatMap((call) => {
      const sync = SYNCS[call.name]
      // What a process did not live to see the end of may be safe or not: not.
      if (sync !== undefined) return call.result === undefined ? [] : [{ at: call.end, call, effect: sync }]
      // What a call changes may be on disk from the moment it begins.
      return [{ at: call.begin, call, effect: CHANGES[call.name] }]
    })
  for (const { call, effect } of moments.sort((left, right) => left.at - right.at)) {
    if (effect === undefined) throw new Error(`${call.name} was recorded, but nobody knows what it does`)
    effect(disk, call)
    yield call
  }
}

function concerns(disk: Disk, { name, args, result }: Call): boolean {
  if (result !== undefined && result < 0) return false
  if (/^open(?:at)?$/.test(name) && !/O_CREAT|O_TRUNC|O_TMPFILE/.test(args.join())) return false
  const paths = args.flatMap((argument) => pathIn(argument) ?? [])
  return paths.length === 0 || paths.some((path) => !isAbsolute(path) || disk.covers(path))
}
