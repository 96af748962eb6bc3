/** How commands fail: always with a code of the closed set. */
import { ERROR_CODES, type ErrorCode, isError } from '../../src/index.ts'

/** @returns what `work` throws, or what it returns as its problem */
export async function failureOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return await work()
  } catch (error) {
    return error
  }
}

/** @throws Error for whatever fails without a code */
export async function codeOf(work: () => Promise<unknown>): Promise<ErrorCode | undefined> {
  return codeIn(await failureOf(work))
}

export function codeIn(error: unknown): ErrorCode | undefined {
  if (error === undefined) return undefined
  if (!isError(error) || !ERROR_CODES.includes(error.code))
    throw new Error(`a failure without a code: ${error}`, { cause: error })
  return error.code
}
