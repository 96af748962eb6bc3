/** One mistake per argument: each says what is wrong, exits by the table, and changes nothing. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contents, Site } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'

type Case = [command: string, exit: number, says: RegExp]

describe('a typo', () => {
  let site: Site
  let before: object
  let words: Record<string, string>

  beforeAll(async () => {
    site = await Site.create({ prepare: runHere })
    await site.joined('home')
    await site.run(['keys', 'new', join(site.directory, 'other.key')])
    await writeFile(join(site.directory, 'wrong-pass'), 'not the passphrase\n')
    // So that publish has something to do, and would do it.
    await site.commit({ 'skills/review/SKILL.md': '# never published\n' })
    words = {
      CI: site.key('ci'),
      RELEASE: site.key('release'),
      OTHER: join(site.directory, 'other.key'),
      ROOT: join(site.keys, 'root.sealed.json'),
      PASS: site.passphraseFile,
      WRONG: join(site.directory, 'wrong-pass'),
      TOKEN: site.tokens.canary,
      TORN: site.tokens.canary.slice(0, -9),
      STORE: site.url,
      AWAY: site.beside('away'),
      NOWHERE: join(site.directory, 'nowhere'),
      KEYS: site.keys,
      HOME: site.home('home'),
      ZEROS: `sha256:${'0'.repeat(64)}`,
    }
    before = await everything()
  })
  afterAll(() => site.remove())

  /** But for the machine's notes of when it last asked. */
  async function everything() {
    const { [join(site.home('home'), 'state.json')]: _notes, ...rest } = await contents(site.directory)
    return rest
  }

  const CEREMONY = '--root-key ROOT --key RELEASE --passphrase-file PASS'
  const CASES: Case[] = [
    ['join foo --home HOME_OF_ITS_OWN', 2, /neither a join token nor the URL/],
    ['join TORN --home HOME_OF_ITS_OWN', 2, /not a whole join token[\s\S]+hint: copy the whole line/],
    ['join STORE --home HOME_OF_ITS_OWN', 2, /needs the digest of the root[\s\S]+expected: --root/],
    ['join STORE --root sha256:12 --home HOME_OF_ITS_OWN', 2, /not the digest of a root/],
    ['join STORE --root ZEROS --home HOME_OF_ITS_OWN', 5, /no root of this repository has the digest/],
    ['join AWAY --root ZEROS --home HOME_OF_ITS_OWN', 1, /no repository at this address/],
    ['join TOKEN --channel canray --home HOME_OF_ITS_OWN', 1, /no such channel: canray[\s\S]+canary, stable/],
    ['join TOKEN --channel drafts/ --home HOME_OF_ITS_OWN', 2, /not the name of a channel/],
    ['join TOKEN --channel stable', 1, /follows another channel[\s\S]+hint: .*skillsctl channel stable/],
    ['rollback 9999', 1, /no release is called 9999[\s\S]+did you mean/],
    ['diff nope', 1, /neither side of this has a skill of this name: nope/],
    ['diff 9999 canary', 1, /no release is called 9999[\s\S]+did you mean/],
    ['pin 9999', 1, /no release is called 9999[\s\S]+did you mean/],
    ['try canary', 2, /only drafts are tried: canary[\s\S]+hint: skillsctl try drafts\/canary/],
    ['try Drafts/x', 2, /not the name of a channel/],
    ['try drafts/none --for 15d', 2, /no longer than two weeks/],
    ['try drafts/none --surface claude', 1, /no such surface: claude/],
    ['try --stop drafts/none', 2, /takes nothing else/],
    ['try --surface claude', 2, /which draft/],
    ['channel canray', 1, /no such channel: canray[\s\S]+canary, stable/],
    ['channel Canary!', 2, /not the name of a channel/],
    ['init STORE --name acme --keys NOWHERE --passphrase-file PASS', 1, /a repository here already/],
    ['init AWAY --name ../acme --passphrase-file PASS', 2, /cannot be the name of a repository/],
    ['init AWAY --passphrase-file NOWHERE', 1, /no such file or directory[\s\S]+hint: /],
    ['init ftp://host/x --passphrase-file PASS', 2, /not the URL of a store[\s\S]+expected: s3:/],
    ['init /mnt/nas --passphrase-file PASS', 2, /did you mean file:\/\/\/mnt\/nas\?/],
    ['init https://example.com/skills', 2, /can only be read/],
    ['publish', 1, /may not sign this role: canary[\s\S]+hint: .*--key/],
    ['publish --key NOWHERE', 1, /no such file or directory/],
    ['publish --key RELEASE', 1, /may not sign this role: canary/],
    ['publish --key WRONG', 2, /not a secret key/],
    ['publish --key CI --commit nope', 1, /no such commit: nope/],
    ['publish --key CI --channel stabel', 2, /published to canary, or to a draft: stabel/],
    ['publish --key RELEASE --channel stable', 2, /promote canary stable/],
    ['publish --key CI --working-tree', 2, /to a draft only/],
    ['publish --key CI --include nope/**', 1, /no file is left[\s\S]+--include/],
    ['publish --key CI --store AWAY', 1, /no repository at this address/],
    ['publish --key CI --root ZEROS', 5, /no root of this repository/],
    ['promote canray stable --key RELEASE', 1, /no release is called canray/],
    ['promote canary stabel --key RELEASE', 1, /no such channel: stabel/],
    ['promote canary stable --key CI', 1, /may not sign this role: stable/],
    ['revert stabel --key RELEASE', 1, /no such channel: stabel/],
    ['revert canary --to 9999 --key CI', 1, /no release is called 9999/],
    ['renew', 1, /may not sign this role: timestamp/],
    ['renew --key OTHER', 1, /may not sign this role: timestamp/],
    ['releases --channel stabel', 1, /no such channel: stabel/],
    ['inspect nope', 1, /no release is called nope/],
    ['inspect AWAY', 1, /no repository at this address/],
    ['completion bahs', 2, /no completion for this shell: bahs/],
    ['keys new CI', 1, /a file of this name already/],
    ['keys new NOWHERE/at/all.key', 1, /no such file or directory/],
    ['keys show NOWHERE', 1, /no such file or directory/],
    ['keys show PASS', 2, /not a secret key/],
    [`keys add stable nonsense ${CEREMONY}`, 2, /not a public key[\s\S]+keys show/],
    [`keys remove stable 1234 ${CEREMONY}`, 1, /no key of this role has this id/],
    [`keys remove stabel 1234 ${CEREMONY}`, 1, /no such role: stabel[\s\S]+canary, stable/],
    ['keys threshold stable two', 2, /whole number/],
    [`keys threshold stable 2 ${CEREMONY}`, 1, /cannot be reached[\s\S]+keys add/],
    ['keys threshold stable 2 --root-key ROOT', 2, /no terminal[\s\S]+--passphrase-file/],
    ['keys threshold stable 2 --root-key ROOT --passphrase-file WRONG', 4, /does not open this key/],
    ['keys cosign stabel --key RELEASE', 1, /no such role: stabel/],
    ['keys rotate NOWHERE OTHER', 1, /no such file or directory/],
    ['keys renew --key CI', 1, /signed by the old and the new root keys[\s\S]+--root-key/],
    ['surface add claud-code', 2, /no such preset: claud-code[\s\S]+hint: did you mean claude-code\?/],
    ['surface add agents --root STORE/x --as Agents', 2, /not a name for a surface: Agents/],
    ['surface add agents --folder skils', 2, /no such folder: skils[\s\S]+skills/],
    ['surface add agents --link --copy', 2, /links or copies, not both/],
    ['surface add custom --root NOWHERE', 2, /needs a name and a root[\s\S]+--as/],
    ['surface remove agents', 1, /no such surface: agents[\s\S]+surface add agents/],
    ['why reviwe', 1, /no release that is active here[\s\S]+hint: did you mean review\?/],
    ['doctor --fxi', 2, /unknown option '--fxi'[\s\S]+did you mean --fix\?/],
    ['doctor --home HOME_OF_ITS_OWN', 2, /has not joined/],
    ['why review --home HOME_OF_ITS_OWN', 2, /has not joined/],
    ['surface add agents --adopt kep', 2, /--adopt <how>[\s\S]+keep, take, skip/],
    ['surface add claude-desktop --adopt take', 2, /nothing to choose but a name/],
    ['surface remove agents --gone', 1, /no such surface: agents/],
    ['join TOKEN --surface agents --adopt mine --home HOME_OF_ITS_OWN', 2, /--adopt <how>/],
    ['leave', 1, /nothing was changed[\s\S]+hint: .*--yes/],
    ['leave --home HOME_OF_ITS_OWN', 2, /has not joined/],
    ['kept lsit', 2, /unknown command 'lsit'[\s\S]+hint: did you mean list\?/],
    ['kept show before', 1, /nothing of this name was kept: before[\s\S]+skillsctl kept list/],
    ['kept restore before', 1, /nothing of this name was kept/],
    ['kept restore', 2, /missing required argument 'name'/],
    ['surface adopt review', 1, /nothing is in the way[\s\S]+surface list/],
    ['surface adopt review --on agents', 1, /no such surface: agents/],
    ['propose reviwe', 1, /nothing here has this name: reviwe[\s\S]+hint: did you mean review\?/],
    ['propose review', 1, /nobody edited this here: review[\s\S]+hint: edited here: nothing/],
    ['propose review --surface agents', 1, /no such surface: agents/],
    ['propose review --home HOME_OF_ITS_OWN', 2, /has not joined/],
    ['edits list reviwe', 1, /nothing of this name was edited here: reviwe/],
    ['edits drop review', 1, /no agent is shown this release[\s\S]+hint: .+verify --repair/],
    ['edits bless review --why', 2, /argument missing/],
    ['edits bless review', 2, /required option '--why <text>' not specified/],
    ['edits resolve review --keep --take', 2, /one of them at a time: --keep --take/],
    ['edits resolve review --dry-run', 2, /a dry run of what\?/],
    ['edits resolve review', 1, /nothing of this name was edited here: review/],
    ['edits save review', 1, /nothing of this kind is being edited[\s\S]+skillsctl edit <skill>/],
    ['edits save --from KEYS', 2, /which skill is in that directory\?/],
    ['edits policy tkae', 2, /edits or the release\?[\s\S]+expected: keep or take/],
    ['edits policy take reviwe', 1, /nothing here has this name: reviwe[\s\S]+did you mean review\?/],
    ['edits policy take --surface agents', 1, /no such surface: agents/],
    ['edits policy --remove', 1, /there is no such rule/],
    ['edits --home HOME_OF_ITS_OWN', 2, /has not joined/],
    ['edit review', 1, /no agent sees this release[\s\S]+surface add/],
    ['diff --surface agents', 1, /no such surface: agents/],
    ['export review', 2, /which form\?[\s\S]+expected: --zip/],
    ['export --zip', 2, /which skills\?[\s\S]+--all/],
    ['export review --all --zip', 2, /all skills, or some of them\?/],
    ['export reviwe --zip', 1, /no such skill: reviwe[\s\S]+hint: did you mean review\?/],
    ['export review --zip --output KEYS/ci.key', 1, /upload would refuse this skill: review/],
    ['export review --zip --output HOME/x', 2, /into the home of skillsctl/],
    ['after-switch --limit 5m', 2, /which command\?[\s\S]+hint: .*--set/],
    ['after-switch --home HOME_OF_ITS_OWN', 2, /has not joined/],
    ['pull --home HOME_OF_ITS_OWN', 2, /has not joined[\s\S]+skillsctl join/],
    ['status --home HOME_OF_ITS_OWN', 2, /has not joined/],
    ['history --home HOME_OF_ITS_OWN', 2, /has not joined/],
    ['verify --home HOME_OF_ITS_OWN', 2, /has not joined/],
    ['unpin --home HOME_OF_ITS_OWN', 2, /has not joined/],
  ]

  it.each(CASES)('%s', async (line, exit, says) => {
    const fill = (word: string) => word.replace(/[A-Z]{2,}/, (name) => words[name] ?? name)
    const args = line.replace('HOME_OF_ITS_OWN', site.home(`new-${CASES.findIndex(([of]) => of === line)}`))
    const home = line.includes('--home') ? [] : ['--home', site.home('home')]
    const ran = await site.run([...args.split(' ').map(fill), ...home], {}, runHere)
    expect(ran).toMatchObject({ exit, stdout: '' })
    expect(ran.stderr).toMatch(/^error: [^A-Z]/)
    expect(ran.stderr).toMatch(says)
  })

  it('changes nothing, in the store or anywhere else', async () => {
    expect(await everything()).toEqual(before)
  })
})
