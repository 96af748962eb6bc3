import { isError } from './core/errors.ts'
export const x = isError(1)
