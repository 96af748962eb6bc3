/** The public API. Libraries print nothing and never exit; flows report through the `emit` they are given. */
export { Git } from './archive/git.ts'
export type { Changes } from './core/changes.ts'
export { type Channel, parseChannel, type ReleaseEntry } from './core/channel.ts'
export { ERROR_CODES, type ErrorCode, isError, SkillsctlError } from './core/errors.ts'
export type { Emit, FlowEvent } from './core/events.ts'
export { formatAge } from './core/freshness.ts'
export type { Manifest } from './core/manifest.ts'
export type { Activation } from './core/timeline.ts'
export { adopt } from './flows/adopt.ts'
export type { ChannelReport, Confirm } from './flows/channel.ts'
// Machine side.
export { followChannel } from './flows/channel.ts'
export { type DiffReport, type DiffRequest, diff } from './flows/diff.ts'
export { type DoctorReport, doctor } from './flows/doctor.ts'
export { type ExportReport, exportSkills } from './flows/export.ts'
// Publishing side.
export { collectGarbage } from './flows/gc.ts'
export { init } from './flows/init.ts'
export { inspect, inspectRepository } from './flows/inspect.ts'
export type { JoinReport } from './flows/join.ts'
export { join } from './flows/join.ts'
export {
  addKey,
  cosignChannel,
  listKeys,
  removeKey,
  renewRoot,
  replaceKey,
  setThreshold,
} from './flows/keys.ts'
export type { MachineContext } from './flows/machine.ts'
export { promote, revert } from './flows/promote.ts'
export type { PublishOptions, PublishReport } from './flows/publish.ts'
export { publish } from './flows/publish.ts'
export type { PublisherContext } from './flows/publisher.ts'
export type { PullOptions, PullReport } from './flows/pull.ts'
export { pull } from './flows/pull.ts'
export { releases } from './flows/releases.ts'
export { renew } from './flows/renew.ts'
export { pin, rollback, unpin } from './flows/rollback.ts'
export { beginReading, type Reading } from './flows/run.ts'
export { beginSession, endSession, listSessions } from './flows/session.ts'
export { prepareStandby } from './flows/standby.ts'
export type { StatusReport } from './flows/status.ts'
export { history, status } from './flows/status.ts'
export { addSurface, listSurfaces, removeSurface, type SurfaceOptions } from './flows/surface.ts'
export type { SwitchReport } from './flows/switch-release.ts'
export type { VerifyReport } from './flows/verify.ts'
export { verify } from './flows/verify.ts'
export { type WhyReport, why } from './flows/why.ts'
export { defaultHome } from './home/default-home.ts'
export { type Layout, layoutOf } from './home/layout.ts'
export { openStore, openWritableStore } from './store/open.ts'
export type { ReadableStore, Store } from './store/store.ts'
export { parseSecretKey, type Signer } from './trust/key.ts'
export { parsePublicKey } from './trust/public-key.ts'
export { openSealed } from './trust/sealed-key.ts'
export { decodeToken, encodeToken } from './trust/token.ts'
