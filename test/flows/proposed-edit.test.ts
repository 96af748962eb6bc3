import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findProposedEdit } from '../../src/flows/proposed-edit.ts'
import { createSurfaceHome } from '../support/surface-home.ts'

const FILES = {
  'skills/quarterback/SKILL.md': 'throw\n',
  'skills/quarterback/gone.md': 'gone\n',
  'skills/review/SKILL.md': 'read\n',
  'commands/plan.md': 'plan\n',
}

test('an edited skill is found by its name, with all that it holds now, and the release that it was', async () => {
  const home = await createSurfaceHome()
  const { directory } = await home.update(FILES)
  const at = (path: string) => join(home.layout.releases, directory, path)
  await writeFile(at('skills/quarterback/SKILL.md'), 'run\n')
  await chmod(at('skills/quarterback/SKILL.md'), 0o755)
  await rm(at('skills/quarterback/gone.md'))
  await symlink('SKILL.md', at('skills/quarterback/link'))
  await mkdir(at('skills/quarterback/__pycache__'))
  await writeFile(at('skills/quarterback/__pycache__/x.pyc'), '')
  await mkdir(at('skills/mine'))
  await writeFile(at('skills/mine/SKILL.md'), 'mine\n')
  const find = (wanted: string) => findProposedEdit(home.context, wanted, { machine: 'mini' })
  const edit = await find('quarterback')
  expect(edit).toMatchObject({ unit: 'skills/quarterback', machine: 'mini', base: { version: directory } })
  expect(edit.base.entries.map(({ path }) => path)).toEqual([
    'skills/quarterback/SKILL.md',
    'skills/quarterback/gone.md',
  ])
  expect(edit.entries.map(({ path, mode }) => `${mode} ${path}`).sort()).toEqual([
    '755 skills/quarterback/SKILL.md',
    'link skills/quarterback/link',
  ])
  expect((await find('skills/mine/')).base.entries).toEqual([])
  await expect(find('review')).rejects.toMatchObject({
    code: 'absent',
    hint: 'edited here: skills/mine, skills/quarterback',
  })
  await expect(find('quaterback')).rejects.toMatchObject({ hint: 'did you mean quarterback?' })
  await writeFile(at('commands/plan.md'), 'plan more\n')
  expect(await find('plan')).toMatchObject({
    unit: 'commands/plan.md',
    entries: [{ path: 'commands/plan.md' }],
  })
})
