/** `skillsctl renew`: says "still here", and signs anew what is about to expire (DESIGN §3, "Freshness"). */
import { RENEW_BEFORE, type RoleKeys } from '../trust/metadata.ts'
import { readRepository, type View } from '../trust/view.ts'
import { commit, delegationOf, renewTimestamp } from '../trust/writer.ts'
import type { PublisherContext } from './publisher.ts'

export interface RenewReport {
  /** Roles that were signed anew besides the timestamp. */
  readonly renewed: readonly string[]
  /** Roles with little life left that these keys may not sign, with their expiry. */
  readonly warnings: readonly string[]
}

export async function renew(context: PublisherContext): Promise<RenewReport> {
  const { view } = await readRepository(context)
  const roles = [...(await expiring(context, view))]
  const ours = roles.filter(({ keys }) => maySign(context, keys)).map(({ role }) => role)
  const snapshotDue = isDue(context, view.snapshot.expires)
  if (ours.length === 0 && !snapshotDue) await renewTimestamp(context)
  else {
    await commit(context, async (current) => ({
      edits: await Promise.all(
        ours.map(async (role) => ({
          role,
          signed: role === 'targets' ? current.targets : await current.role(role),
        })),
      ),
    }))
  }
  const rest = roles.filter(({ role }) => !ours.includes(role))
  return { renewed: ours, warnings: rest.map(({ role, expires }) => warning(role, expires)) }
}

interface Expiring {
  readonly role: string
  readonly expires: string
  readonly keys: RoleKeys | undefined
}

async function expiring(context: PublisherContext, view: View): Promise<Expiring[]> {
  const channels = await Promise.all(
    (view.targets.delegations?.roles ?? []).map(async ({ name }) => ({
      role: name,
      expires: (await view.role(name)).expires,
      keys: delegationOf(view.targets, name),
    })),
  )
  const top = [
    { role: 'targets', expires: view.targets.expires, keys: view.root.roles.targets },
    // The root is a ceremony of its own, never a renewal.
    { role: 'root', expires: view.root.expires, keys: undefined },
  ]
  return [...channels, ...top].filter(({ expires }) => isDue(context, expires))
}

function isDue({ clock }: PublisherContext, expires: string): boolean {
  return Date.parse(expires) - clock() < RENEW_BEFORE
}

function maySign({ signers }: PublisherContext, keys: RoleKeys | undefined): boolean {
  return (
    keys !== undefined && signers.filter(({ keyid }) => keys.keyids.includes(keyid)).length >= keys.threshold
  )
}

function warning(role: string, expires: string): string {
  const how =
    role === 'root' || role === 'targets'
      ? 'skillsctl keys renew, with the root key'
      : `skillsctl renew, with the keys of ${role}`
  return `${role} expires at ${expires}: run ${how}`
}
