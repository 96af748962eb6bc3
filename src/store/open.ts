/** URL → store. Each adapter is loaded only when its URL is used. */
import { fileURLToPath } from 'node:url'
import { SkillsctlError } from '../core/errors.ts'
import { withRetries } from './retry.ts'
import { isWritable, type ReadableStore, type Store } from './store.ts'

const KNOWN = 's3://bucket/prefix, file:///directory or https://host/path (read-only)'

/**
 * @param url `s3://…`, `file:///…`, `https://…`
 * @throws SkillsctlError `usage` for anything else
 */
export async function openStore(url: string): Promise<ReadableStore> {
  return withRetries(await openAdapter(url))
}

/** As `openStore`, for commands that write. @throws SkillsctlError `usage` for a read-only URL */
export async function openWritableStore(url: string): Promise<Store> {
  const store = await openStore(url)
  if (isWritable(store)) return store
  throw new SkillsctlError('usage', 'this store can only be read', {
    subject: url,
    hint: 'publish through its s3:// or file:// address',
  })
}

async function openAdapter(url: string): Promise<ReadableStore> {
  switch (schemeOf(url)) {
    case 's3:':
      return (await import('./s3.ts')).openS3Store(url)
    case 'https:':
    case 'http:':
      return (await import('./http.ts')).openHttpStore(url)
    case 'file:':
      return (await import('./file.ts')).openFileStore(directoryOf(url))
    default:
      throw new SkillsctlError('usage', 'this is not the URL of a store', {
        subject: url,
        expected: KNOWN,
        hint: url.startsWith('/') ? `did you mean file://${url}?` : undefined,
      })
  }
}

function schemeOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).protocol : undefined
}

function directoryOf(url: string): string {
  try {
    return fileURLToPath(url)
  } catch (cause) {
    throw new SkillsctlError('usage', 'a file URL has three slashes', {
      subject: url,
      expected: 'file:///absolute/directory',
      cause,
    })
  }
}
