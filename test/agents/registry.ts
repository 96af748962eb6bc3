/** Where test/agents/run.mjs has put the agents. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Program {
  readonly path: string
  readonly version: string
}

/**
 * The native program of an agent: in a package of its own for each platform, beside the one that has its name.
 * @param ending of the path of the program in that package
 */
export function programOf(name: string, ending: string): Program {
  const directory = process.env['SKILLSCTL_AGENTS_DIRECTORY']
  if (directory === undefined) throw new Error('start these tests with: npm run test:agents')
  const platform = join(directory, `${name}-${process.platform}-${process.arch}`)
  const path = readdirSync(platform, { recursive: true, encoding: 'utf8' }).find((one) =>
    `/${one}`.endsWith(`/${ending}`),
  )
  if (path === undefined) throw new Error(`${platform} has no ${ending}`)
  const { version }: { version: string } = JSON.parse(
    readFileSync(join(directory, name, 'package.json'), 'utf8'),
  )
  return { path: join(platform, path), version }
}
