/** A store's address as it may be shown and kept: without the credentials and tokens that a URL can hold. */
export function shownAddress(address: string): string {
  if (!URL.canParse(address)) return address
  const url = new URL(address)
  // The query of an s3:// URL names endpoint and region; that of any other is a token.
  const isPublic = url.protocol === 's3:' || url.search === ''
  if (isPublic && url.username === '' && url.password === '') return address
  url.username = ''
  url.password = ''
  if (!isPublic) url.search = ''
  return url.href
}
