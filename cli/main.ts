#!/usr/bin/env node
/** The entry point: the only place that decides how the process ends. */
import { layoutOf } from '../src/home/layout.ts'
import { commandOf, homeOf } from './command-line.ts'
import { type CompiledCode, useCompiledCode } from './compiled-code.ts'
import { preconnect } from './preconnect.ts'

/** They run again and again. */
const OFTEN: ReadonlySet<string> = new Set(['pull', 'status', 'edits', 'session'])

void main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<void> {
  // An answer takes as long as everything else takes to load, so it is asked for first.
  await preconnect(args)
  const compiled = compiledFor(args)
  const { runProcess } = await import('./run-process.ts')
  process.exitCode = await runProcess(args)
  if (process.exitCode === 0) compiled?.keep()
}

function compiledFor(args: readonly string[]): CompiledCode | undefined {
  const command = commandOf(args)
  if (command === undefined || !OFTEN.has(command)) return undefined
  try {
    return useCompiledCode(layoutOf(homeOf(args)), command, import.meta.filename)
  } catch {
    // What is wrong with the home is the command's to complain about.
    return undefined
  }
}
