import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codexHiding } from '../../src/surfaces/codex-settings.ts'

const SEEN = {
  place: '/p/.agents/skills',
  name: 'plan',
  path: '/p/.agents/skills/plan',
  file: '/r/skills/plan/SKILL.md',
  description: '',
}

const TEXTS: [what: string, text: string, isOff: boolean][] = [
  ['nothing', '', false],
  ['its name', '[[skills.config]]\nname = "plan"\nenabled = false\n', true],
  [
    'its name in single quotes, after others',
    "x = 1\r\n[[ skills.config ]]\r\nenabled=false\r\nname='plan'\r\n",
    true,
  ],
  [
    'its path',
    '[[skills.config]]\npath = "/p/.agents/skills/plan/SKILL.md"\nenabled = false # why not\n',
    true,
  ],
  ['its real path', '[[skills.config]]\npath = "/r/skills/plan/SKILL.md"\nenabled = false\n', true],
  ['its name, switched on', '[[skills.config]]\nname = "plan"\nenabled = true\n', false],
  ['another name', '[[skills.config]]\nname = "planner"\nenabled = false\n', false],
  ['a table after it', '[[skills.config]]\nname = "plan"\n[tui]\nenabled = false\n', false],
  [
    'the second of two',
    '[[skills.config]]\nname = "x"\nenabled = false\n[[skills.config]]\nname = "plan"\nenabled = false',
    true,
  ],
]

describe('the configuration of Codex', () => {
  let root: string
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'codex-'))
  })
  afterAll(() => rm(root, { recursive: true }))

  it.each(TEXTS)('with %s', async (_what, text, isOff) => {
    await writeFile(join(root, 'config.toml'), text)
    expect(codexHiding(root)(SEEN) !== undefined).toBe(isOff)
  })

  it('that is not there switches nothing off', () => {
    expect(codexHiding(join(root, 'nowhere'))(SEEN)).toBeUndefined()
  })
})
