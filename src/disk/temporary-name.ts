/** Names that nobody else uses. */

/** Twelve digits that no two moments share. Loading random ones would take longer than anything that is written. */
export function uniqueHex(): string {
  return process.hrtime.bigint().toString(16).padStart(12, '0').slice(-12)
}

/** Names of temporary files carry the process that writes them, so that those of dead ones can be swept. */
export function temporaryName(hint: string): string {
  return `.${hint}.${process.pid}.${uniqueHex()}.tmp`
}
