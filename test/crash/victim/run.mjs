/** Runs one flow of the compiled library, the job given as JSON. To be killed by preload.mjs. */
import * as skillsctl from '../../../dist/src/index.js'

const job = JSON.parse(process.argv[2])

const emit = ({ step, status }) => {
  if (status === 'start') globalThis.victimStep?.(step)
}

const machine = () => ({
  layout: skillsctl.layoutOf(job.home),
  openStore: skillsctl.openStore,
  now: () => job.now,
  clock: () => performance.now(),
  emit,
  by: 'victim',
})

const publisher = async () => ({
  store: await skillsctl.openWritableStore(job.store),
  pin: job.pin,
  signers: job.signers.map((line) => skillsctl.parseSecretKey(line, 'signer')),
  clock: () => job.now,
  stopwatch: () => performance.now(),
  emit,
})

const flows = {
  join: () => skillsctl.join(machine(), job.token),
  pull: () => skillsctl.pull(machine()),
  addSurface: () =>
    skillsctl.addSurface(machine(), 'claude-code', job.options, { directory: job.user, variables: {} }),
  leave: () => skillsctl.leave(machine(), { restore: true }),
  leaveAll: () => skillsctl.leave(machine()),
  /** What the command line does when nothing is new. */
  idle: async () => {
    const report = await skillsctl.pull(machine())
    globalThis.victimStep?.('standby')
    await skillsctl.prepareStandby(machine())
    return report
  },
  standby: async () => void (await skillsctl.prepareStandby(machine())),
  rollback: () => skillsctl.rollback(machine(), job.version),
  try: () => skillsctl.tryDraft(machine(), job.draft, { for: job.length, surfaces: [] }),
  tryStop: () => skillsctl.stopTrial(machine()),
  verify: () => skillsctl.verify(machine(), { repair: true }),
  publish: async () =>
    skillsctl.publish(await publisher(), {
      git: new skillsctl.Git(job.repository),
      revision: job.revision,
      channel: skillsctl.parseChannel('canary'),
      selection: { include: [], exclude: [] },
    }),
  promote: async () =>
    skillsctl.promote(await publisher(), 'canary', skillsctl.parseChannel('stable'), async () => true),
  replaceKey: async () =>
    skillsctl.replaceKey(
      await publisher(),
      skillsctl.parseSecretKey(job.old, 'old'),
      skillsctl.parseSecretKey(job.next, 'next'),
    ),
  init: async () =>
    skillsctl.init({
      store: await skillsctl.openWritableStore(job.store),
      name: 'crash',
      keys: job.keys,
      passphrase: async () => job.passphrase,
      now: job.now,
    }),
}

const report = await flows[job.flow]()
if (report?.problem !== undefined) throw report.problem
