/** The most memory that a cold install holds at once, asked of the process itself when it ends. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { run } from './processes.ts'
import { skillsctl } from './publisher.ts'
import type { Site } from './site.ts'

/** @returns megabytes, resident */
export async function memoryOfColdInstall(
  site: Site,
  directory: string,
  port: number,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  await mkdir(directory, { recursive: true })
  const [note, preload] = [join(directory, 'memory'), join(directory, 'preload.mjs')]
  const script = `import { writeFileSync } from 'node:fs'
process.on('exit', () => writeFileSync(${JSON.stringify(note)}, String(process.resourceUsage().maxRSS)))`
  await writeFile(preload, script)
  await site.serve('base')
  const where = [`http://127.0.0.1:${port}/store`, '--root', site.publisher.root, '--channel', 'canary']
  const { program, args } = skillsctl('join', ...where, '--home', join(directory, 'home'), '--quiet')
  await run({ program, args: ['--import', pathToFileURL(preload).href, ...args] }, { env })
  const kilobytes = Number(await readFile(note, 'utf8'))
  await rm(directory, { recursive: true })
  // The kernel counts in kibibytes.
  return (kilobytes * 1024) / 1e6
}
