/** What this user may not read. Modes are nothing to root, for whom these run as nobody (test/disk/unprivileged.test.ts). */
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isRoot } from '../support/unprivileged.ts'
import { createScene, linesOf } from './scene.ts'

const CLOSED = [
  { state: 'a root', path: '.claude', says: '.claude' },
  { state: 'a folder of a root', path: '.claude/skills', says: '.claude/skills' },
  { state: 'a directory above a root', path: '.', says: '.claude' },
]

const CLEAN = 'claude-code: 3 of 3 skills visible to Claude Code'

describe.skipIf(isRoot)('doctor', () => {
  it.each(CLOSED)('tells of $state that is closed, and goes on when it is open', async ({ path, says }) => {
    const scene = await createScene()
    await chmod(scene.at(path), 0)
    try {
      const { findings, failed } = await scene.look({ fix: true })
      expect({ failed, told: findings.filter(({ level }) => level === 'problem') }).toEqual({
        failed: [],
        told: [
          {
            check: 'root',
            level: 'problem',
            subject: scene.at(says),
            message: 'no permission: this user may not read and write there',
            hint: expect.stringContaining(`chmod u+rwx '${scene.at(says)}'`),
          },
        ],
      })
    } finally {
      await chmod(scene.at(path), 0o700)
    }
    expect(linesOf(await scene.look())).toEqual([CLEAN])
  })

  it.each(['root', 'surfaces', 'ledgers', 'staging', 'releases', 'manifests', 'config', 'state'] as const)(
    'tells that %s of the home is closed, and opens it',
    async (name) => {
      const scene = await createScene()
      const path = scene.layout[name]
      await chmod(path, 0)
      try {
        expect(linesOf(await scene.look())[0]).toMatch(/its owner may not read and write here \(0\)/)
        const { failed } = await scene.look({ fix: true })
        expect({ failed, lines: linesOf(await scene.look()) }).toEqual({ failed: [], lines: [CLEAN] })
      } finally {
        await chmod(path, 0o700)
      }
    },
  )

  it('tells of a ledger that is closed, and takes nothing of ours for the person’s', async () => {
    const scene = await createScene()
    await chmod(join(scene.layout.ledgers, 'claude-code.json'), 0)
    const [ledger, ...others] = linesOf(await scene.look({ fix: true }))
    expect(ledger).toMatch(/^! .*claude-code\.json: its ledger cannot be read: permission denied/)
    expect(others).toEqual([CLEAN])
  })
})
