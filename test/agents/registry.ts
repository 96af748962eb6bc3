/** Where test/agents/run.mjs has put the agents. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Program {
  readonly path: string
  readonly version: string
}

/**
 * The program of an agent: usually a native one, in a package of its own for each platform, beside the one that has its name.
 * @param ending of the path of the program in that package
 * @param within the package that holds it
 */
export function programOf(
  name: string,
  ending: string,
  within = `${name}-${process.platform}-${process.arch}`,
): Program {
  const directory = process.env['SKILLSCTL_AGENTS_DIRECTORY']
  if (directory === undefined) throw new Error('start these tests with: npm run test:agents')
  const place = join(directory, within)
  const path = readdirSync(place, { recursive: true, encoding: 'utf8' }).find((one) =>
    `/${one}`.endsWith(`/${ending}`),
  )
  if (path === undefined) throw new Error(`${place} has no ${ending}`)
  const { version }: { version: string } = JSON.parse(
    readFileSync(join(directory, name, 'package.json'), 'utf8'),
  )
  return { path: join(place, path), version }
}
