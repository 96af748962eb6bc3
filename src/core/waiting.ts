/** What a surface waits for that shows an older release, for people. @param sessions that read it now */
export function whatItAwaits(sessions: number): string {
  if (sessions === 0) return 'the next session begins'
  return sessions === 1 ? 'a session ends' : `${sessions} sessions end`
}
