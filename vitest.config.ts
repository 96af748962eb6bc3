import { accessSync, constants, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Every test makes many small files, and syncs them: on a disk it would wait for whatever else is written there. */
const MEMORY = '/dev/shm'

function temporaryDirectory(): string {
  try {
    accessSync(MEMORY, constants.W_OK)
    const { bavail, bsize } = statfsSync(MEMORY)
    return bavail * bsize > 2 * 1024 ** 3 ? MEMORY : tmpdir()
  } catch {
    // Not Linux, or a container without it.
    return tmpdir()
  }
}

export default defineConfig({
  test: {
    env: { TMPDIR: temporaryDirectory() },
    include: ['test/**/*.test.ts'],
    // Two more than the two cores of CI: many tests wait for processes, disks and locks.
    maxWorkers: 4,
    // Files of one worker share what they import: no test leaves anything behind in a module.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
