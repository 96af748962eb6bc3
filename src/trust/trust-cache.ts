/** What was accepted last, so that it is not fetched again, and may not be taken back. */

/** The metadata that was accepted last, by role. A machine keeps it in `trust/`, a publisher in memory. */
export interface TrustCache {
  read(role: string): Promise<Buffer | undefined>
  write(role: string, bytes: Buffer): Promise<void>
}

/** A cache that forgets with the process. */
export function memoryCache(): TrustCache {
  const kept = new Map<string, Buffer>()
  return {
    read: async (role) => kept.get(role),
    write: async (role, bytes) => {
      kept.set(role, bytes)
    },
  }
}
