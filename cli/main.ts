#!/usr/bin/env node
/** The entry point: the only place that decides how the process ends. */
import { preconnect } from './preconnect.ts'

void main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<void> {
  // An answer takes as long as everything else takes to load, so it is asked for first.
  await preconnect(args)
  const { runProcess } = await import('./run-process.ts')
  process.exitCode = await runProcess(args)
}
