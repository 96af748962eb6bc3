import { describe, expect, test } from 'vitest'
import { proposeLines } from '../../cli/commands/propose.ts'
import type { ProposeReport } from '../../src/flows/propose.ts'

const REPORT: ProposeReport = {
  outcome: 'proposed',
  unit: 'skills/quarterback',
  base: { version: '2026.11.20-3f2a9c1', commit: '3f2a9c1d'.repeat(5) },
  files: [
    { path: 'skills/quarterback/SKILL.md', kind: 'modified' },
    { path: 'skills/quarterback/old.md', kind: 'deleted' },
    { path: 'skills/quarterback/run.sh', kind: 'mode' },
  ],
  ignored: [],
  repository: "/home/ada/her skills' source",
  branch: 'skillsctl/quarterback-0123abcd',
  commit: 'abcdef01'.repeat(5),
  upstream: { remote: 'origin', branch: 'main', is: 'same' },
  remote: 'origin',
  pushed: undefined,
  unsigned: false,
}

describe('what propose says', () => {
  test('is what the commit holds, and the line that pushes it, for a shell', () => {
    expect(proposeLines(REPORT)).toEqual([
      'skills/quarterback: commit abcdef01abcd on branch skillsctl/quarterback-0123abcd, from release 2026.11.20-3f2a9c1',
      '  ~ skills/quarterback/SKILL.md',
      '  - skills/quarterback/old.md',
      '  x skills/quarterback/run.sh',
      `  next: git -C '/home/ada/her skills'\\'' source' push origin skillsctl/quarterback-0123abcd`,
    ])
    expect(proposeLines({ ...REPORT, remote: undefined }).at(-1)).toMatch(/ merge skillsctl\/quarterback/)
  })

  test('is that there is nothing new, and the same next step', () => {
    const lines = proposeLines({ ...REPORT, outcome: 'unchanged' })
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(/nothing new; .+ has this edit already$/)
  })

  test('is where it was pushed, with what the server said', () => {
    const pushed = { remote: 'origin', outcome: 'pushed', told: ['open http://localhost/new'] } as const
    expect(proposeLines({ ...REPORT, pushed }).slice(-2)).toEqual([
      '  pushed to origin; next: open a pull request for skillsctl/quarterback-0123abcd',
      '  origin: open http://localhost/new',
    ])
  })

  test('names whatever a person should know before it is merged', () => {
    const upstream = { remote: 'origin', branch: 'main', is: 'changed' } as const
    const text = proposeLines({ ...REPORT, upstream, unsigned: true, ignored: ['skills/q/x.secret'] }).join(
      '\n',
    )
    expect(text).toContain('origin/main has changed this as well since the release')
    expect(text).toContain('left out, because the source ignores it: skills/q/x.secret')
    expect(text).toContain('commit --amend --no-edit -S')
    const unreachable = { ...upstream, branch: undefined, is: 'unreachable' } as const
    expect(proposeLines({ ...REPORT, upstream: unreachable }).join('\n')).toContain(
      'origin could not be asked',
    )
  })

  test('is that the source has it already, and nothing to do', () => {
    const upstream = { remote: 'origin', branch: 'main', is: 'landed' } as const
    expect(proposeLines({ ...REPORT, outcome: 'landed', commit: undefined, upstream })).toEqual([
      'skills/quarterback: nothing to propose; origin/main has this edit, and the next release will',
    ])
  })
})
