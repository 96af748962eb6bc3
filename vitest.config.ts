import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Two more than the two cores of CI: many tests wait for processes, disks and locks.
    maxWorkers: 4,
    // Files of one worker share what they import: no test leaves anything behind in a module.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
