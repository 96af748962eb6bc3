/** What this user may not read. Modes are nothing to root, for whom these run as nobody (test/disk/unprivileged.test.ts). */
import { chmod } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { isRoot } from '../support/unprivileged.ts'
import { createScene, linesOf } from './scene.ts'

const CLOSED = [
  { state: 'a root', path: '.claude', says: '.claude' },
  { state: 'a folder of a root', path: '.claude/skills', says: '.claude/skills' },
  { state: 'a directory above a root', path: '.', says: '.claude' },
]

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
    expect(linesOf(await scene.look())).toEqual(['claude-code: 3 of 3 skills visible to Claude Code'])
  })
})
