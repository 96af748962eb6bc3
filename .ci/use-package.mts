// What a program writes that uses the package: it has to compile beside nothing but the types of Node, and to run.
import { layoutOf, openStore, type PullReport, pull } from 'skillsctl'

const report: PullReport = await pull({
  layout: layoutOf('/nonexistent'),
  openStore,
  now: Date.now,
  clock: () => performance.now(),
  emit: () => {},
  by: 'example',
}).catch((error: unknown) => {
  if (error instanceof Error && 'code' in error && error.code === 'usage') process.exit(0)
  throw error
})
throw new Error(`a machine that has not joined has pulled: ${report.outcome}`)
