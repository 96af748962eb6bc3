/** Set by vitest.concurrency.config.ts: all the seeds, and everybody that is claimed. */
export const EVERYTHING = process.env['SKILLSCTL_CONCURRENCY'] === 'all'
