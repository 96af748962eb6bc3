import { S3Error } from './s3-error.ts'

/** The part of bucket policies that publishing for anonymous readers needs: allow everybody some action. */

export interface Policy {
  /** The document as it was sent, for GetBucketPolicy. */
  readonly text: string
  readonly statements: readonly Statement[]
}

interface Statement {
  readonly actions: readonly string[]
  readonly resources: readonly string[]
}

export type AnonymousAction = 's3:GetObject' | 's3:ListBucket'

const KNOWN_FIELDS: ReadonlySet<string> = new Set(['Sid', 'Effect', 'Principal', 'Action', 'Resource'])
const KNOWN_ACTIONS: ReadonlySet<string> = new Set<AnonymousAction>(['s3:GetObject', 's3:ListBucket'])

/** Reads a policy. Anything it could not enforce is refused rather than ignored. */
export function parsePolicy(text: string): Policy {
  const document = parseJson(text)
  const statements = isRecord(document) ? document.Statement : undefined
  if (!Array.isArray(statements)) throw new S3Error('MalformedPolicy')
  return { text, statements: statements.map(parseStatement) }
}

/** Whether the policy lets everybody do this to the bucket, or to one of its objects. */
export function allowsAnonymous(
  policy: Policy | undefined,
  action: AnonymousAction,
  bucket: string,
  key?: string,
): boolean {
  const resource = `arn:aws:s3:::${bucket}${key === undefined ? '' : `/${key}`}`
  return (policy?.statements ?? []).some(
    ({ actions, resources }) =>
      actions.includes(action) && resources.some((r) => matchesResource(r, resource)),
  )
}

function parseStatement(statement: unknown): Statement {
  if (!isRecord(statement)) throw new S3Error('MalformedPolicy')
  const unknown = Object.keys(statement).find((field) => !KNOWN_FIELDS.has(field))
  if (unknown !== undefined) throw new S3Error('NotImplemented', `policy field ${unknown}`)
  if (statement.Effect !== 'Allow') throw new S3Error('NotImplemented', 'policy effect other than Allow')
  if (!isEverybody(statement.Principal)) throw new S3Error('NotImplemented', 'policy principal other than *')
  const actions = stringList(statement.Action)
  const foreign = actions.find((action) => !KNOWN_ACTIONS.has(action))
  if (foreign !== undefined) throw new S3Error('NotImplemented', `policy action ${foreign}`)
  return { actions, resources: stringList(statement.Resource) }
}

function matchesResource(pattern: string, resource: string): boolean {
  return pattern.endsWith('*') ? resource.startsWith(pattern.slice(0, -1)) : resource === pattern
}

function isEverybody(principal: unknown): boolean {
  return principal === '*' || (isRecord(principal) && principal.AWS === '*')
}

function stringList(value: unknown): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  return list.map((item) => {
    if (typeof item !== 'string') throw new S3Error('MalformedPolicy')
    return item
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new S3Error('MalformedPolicy')
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
