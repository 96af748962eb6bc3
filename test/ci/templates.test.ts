import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const read = (path: string): string => readFileSync(new URL(`../../ci/${path}`, import.meta.url), 'utf8')
const TEMPLATES = readdirSync(new URL('../../ci/templates/', import.meta.url)).map(
  (name) => `templates/${name}`,
)
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

interface Workflow {
  on: Record<string, unknown>
  permissions?: Record<string, string>
  jobs: Record<string, { environment?: string; permissions: Record<string, string>; steps: WorkflowStep[] }>
}

interface WorkflowStep {
  uses?: string
  run?: string
  with?: Record<string, unknown>
}

describe.each(['action.yml', ...TEMPLATES])('ci/%s', (path) => {
  it('is YAML', () => {
    expect(parse(read(path), { strict: true, uniqueKeys: true })).toBeTypeOf('object')
  })

  it('pins every action by its full commit, and skillsctl by its exact version', () => {
    const used = [...read(path).matchAll(/uses: (\S+)/g)].map(([, action = '']) => action)
    // Ours has no commit yet that could be named; the template says to fill it in.
    const ours = /^(?:OWNER\/skillsctl\/ci@FULL_COMMIT_SHA|<owner>\/skillsctl\/ci@<full)$/
    expect(used.filter((action) => !ours.test(action) && !/@[0-9a-f]{40}$/.test(action))).toEqual([])
    for (const [, pinned] of read(path).matchAll(/skillsctl@(\d\S+)/g)) expect(pinned).toBe(version)
  })
})

describe.each(TEMPLATES.filter((path) => path.includes('github-')))('ci/%s', (path) => {
  const workflow: Workflow = parse(read(path))

  it('gives its jobs no more than reading the code, and a token for the role where one is used', () => {
    expect(workflow.permissions).toEqual({})
    for (const { permissions, steps } of Object.values(workflow.jobs)) {
      const role = steps.some(({ uses }) => uses?.startsWith('aws-actions/'))
      expect(permissions).toEqual({ contents: 'read', ...(role ? { 'id-token': 'write' } : {}) })
    }
  })

  it('never puts an expression into a script', () => {
    const scripts = Object.values(workflow.jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []))
    expect(scripts.filter((script) => script.includes('${{'))).toEqual([])
  })

  it('leaves no credentials of git behind, and fetches the history where a head moves', () => {
    for (const { steps } of Object.values(workflow.jobs)) {
      const checkout = steps.find(({ uses }) => uses?.startsWith('actions/checkout@'))
      const moves = steps.some(({ uses, run }) => uses?.startsWith('OWNER/') || run?.includes(' promote '))
      expect(checkout?.with).toEqual({
        'persist-credentials': false,
        ...(moves ? { 'fetch-depth': 0 } : {}),
      })
    }
  })
})

describe('the templates together', () => {
  it('promote only behind a protected environment, by hand', () => {
    const { on, jobs }: Workflow = parse(read('templates/github-promote.yml'))
    expect(Object.keys(on)).toEqual(['workflow_dispatch'])
    for (const { environment } of Object.values(jobs)) expect(environment).toBe('skills-stable')
  })

  it('pass every input of the action on, and declare every output that the step writes', () => {
    const { inputs, outputs, runs } = parse(read('action.yml'))
    const env = Object.values<string>(runs.steps[0].env)
    expect(env.sort()).toEqual(
      Object.keys(inputs)
        .map((name) => `\${{ inputs.${name} }}`)
        .sort(),
    )
    expect(Object.keys(outputs).sort()).toEqual([
      'channel',
      'commit',
      'manifest',
      'outcome',
      'previous',
      'version',
    ])
    expect(inputs.version.default).toBe(version)
    expect(read('publish.sh')).toContain(`SKILLSCTL_VERSION:-${version}`)
  })
})
