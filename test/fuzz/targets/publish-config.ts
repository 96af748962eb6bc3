import { parsePublishConfig } from '../../../src/core/publish-config.ts'
import { insist, json, type Target } from '../target.ts'

/** `skillsctl.json` comes from the commit that is published, so from whoever may open a pull request. */
export function publishConfigTarget(): Target {
  return {
    name: 'publish-config',
    codes: ['usage'],
    seeds: [
      json('config', {
        $schema: 'x',
        store: 's3://bucket/prefix',
        root: `1:sha256:${'a'.repeat(64)}`,
        channel: 'canary',
        include: ['skills', 'docs/**/*.md'],
        exclude: ['**/*.test.*'],
      }),
      json('config', {}),
    ],
    run({ bytes }) {
      const config = parsePublishConfig(bytes.toString('utf8'), 'skillsctl.json')
      const again = parsePublishConfig(JSON.stringify(config), 'skillsctl.json')
      insist(JSON.stringify(again) === JSON.stringify(config), 'settings read back as they were written')
    },
  }
}
