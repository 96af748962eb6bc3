import { accessSync, constants, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/** Every test makes many small files, and syncs them: on a disk it would wait for whatever else is written there. */
const MEMORY = '/dev/shm'

function temporaryDirectory(): string {
  if (process.env['TMPDIR']) return tmpdir()
  try {
    accessSync(MEMORY, constants.W_OK)
    const { bavail, bsize } = statfsSync(MEMORY)
    // Some tests put programs there, which many containers do not allow.
    const mount = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .find((line) => line.split(' ')[1] === MEMORY)
    const isUsable = mount !== undefined && !/\bnoexec\b/.test(mount) && bavail * bsize > 2 * 1024 ** 3
    return isUsable ? MEMORY : tmpdir()
  } catch {
    // Not Linux, or a container without it.
    return tmpdir()
  }
}

const directory = temporaryDirectory()
/** What one test file leaves to the next: the processes that run them are killed, and cannot tidy up. */
const shared = mkdtempSync(join(directory, 'skillsctl-shared-'))
process.once('exit', () => rmSync(shared, { recursive: true, force: true }))

export default defineConfig({
  test: {
    // Node parses more certificates at every start, which takes longer than starting; nothing here goes out into the world.
    env: { TMPDIR: directory, SKILLSCTL_TEST_SHARED: shared, NODE_EXTRA_CA_CERTS: '' },
    include: ['test/**/*.test.ts'],
    // Two more than the two cores of CI: many tests wait for processes, disks and locks.
    maxWorkers: 4,
    // Files of one worker share what they import: no test leaves anything behind in a module.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
