/**
 * The rules of the Agent Skills specification for a skill's head, where clients differ in their strictest reading: what
 * passes here passes everywhere (SPEC.md, "Agents"). The head was written by people, so that what is wrong with it is an
 * answer, not an error.
 */
import type { Fields } from './parse.ts'

/** The fields of the specification, in its order; an upload refuses a head with any other. */
export const SPECIFIED_FIELDS = [
  'name',
  'description',
  'license',
  'compatibility',
  'metadata',
  'allowed-tools',
] as const

const LONGEST_NAME = 64
const LONGEST_DESCRIPTION = 1024
const LONGEST_COMPATIBILITY = 500
const NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*$/

/** What is wrong with one field. */
export interface FieldProblem {
  readonly field: string
  /** Goes on after the name of the field, as in `is longer than 64 characters`. */
  readonly problem: string
  /** What to do about it. */
  readonly hint: string
}

/**
 * Everything that a strict client minds in a head, field by field in the order of the specification. Fields that the
 * specification does not know are no problem here: most agents skip them (see `unspecifiedFields`).
 * @param directory name of the skill's directory, by which several agents call it
 */
export function headProblems(fields: Fields, directory: string): FieldProblem[] {
  return [
    ...nameProblems(fields['name'], directory),
    ...descriptionProblems(fields['description']),
    ...optionalText('license', fields['license'], Number.POSITIVE_INFINITY),
    ...optionalText('compatibility', fields['compatibility'], LONGEST_COMPATIBILITY),
    ...metadataProblems(fields['metadata']),
    ...optionalText('allowed-tools', fields['allowed-tools'], Number.POSITIVE_INFINITY),
  ]
}

/** Fields that an upload refuses, in the order of the head. */
export function unspecifiedFields(fields: Fields): string[] {
  return Object.keys(fields).filter((field) => !SPECIFIED_FIELDS.some((known) => known === field))
}

function nameProblems(name: unknown, directory: string): FieldProblem[] {
  const about = problemsOf('name')
  if (name === undefined || name === null || name === '')
    return about('is missing', `add the line: name: ${directory}`)
  if (typeof name !== 'string') return about('is not text', `put it in quotes: name: "${directory}"`)
  const spelling = nameProblem(name)
  if (spelling !== undefined) return about(spelling, 'choose another name, for the directory as well')
  if (name === directory) return []
  return about(`is ${name}, and the directory ${directory}`, 'give both the same name')
}

/** Why a skill may not have this name, or undefined when it may. */
export function nameProblem(name: string): string | undefined {
  if (name.length > LONGEST_NAME) return `is longer than ${LONGEST_NAME} characters`
  if (!NAME.test(name))
    return 'may have lower-case letters (a-z), digits and single hyphens between them only'
  return undefined
}

/** Words that an upload to Anthropic's services does not take in a name; everywhere else they are fine. */
export function reservedWord(name: string): string | undefined {
  return ['anthropic', 'claude'].find((word) => name.includes(word))
}

function descriptionProblems(description: unknown): FieldProblem[] {
  const about = problemsOf('description')
  const hint = 'say in a sentence what the skill does and when to use it'
  if (description === undefined || description === null) return about('is missing', hint)
  if (typeof description !== 'string') return about('is not text', 'put it in quotes')
  if (description.trim() === '') return about('is empty', hint)
  const length = lengthOf(description)
  return [
    ...(length > LONGEST_DESCRIPTION
      ? about(`is ${length} characters long, at most ${LONGEST_DESCRIPTION} are allowed`, 'shorten it')
      : []),
    ...(/[<>]/.test(description) ? about('holds < or >', 'write it without angle brackets') : []),
  ]
}

/** Values that YAML takes for numbers or truth values are fine: the reference validator reads them as text. */
function metadataProblems(metadata: unknown): FieldProblem[] {
  if (metadata === undefined || metadata === null) return []
  const isMap = typeof metadata === 'object' && !Array.isArray(metadata)
  if (isMap && Object.values(metadata).every((value) => typeof value !== 'object')) return []
  return problemsOf('metadata')('is not a map of texts', 'give each of its fields one line of text')
}

function optionalText(field: string, value: unknown, longest: number): FieldProblem[] {
  if (value === undefined || value === null) return []
  if (typeof value !== 'string') return problemsOf(field)('is not text', 'write it as text on one line')
  if (lengthOf(value) > longest)
    return problemsOf(field)(`is longer than ${longest} characters`, 'shorten it')
  return []
}

/** In characters, as people count them, not in units of UTF-16. */
function lengthOf(text: string): number {
  return [...text].length
}

function problemsOf(field: string): (problem: string, hint: string) => FieldProblem[] {
  return (problem, hint) => [{ field, problem, hint }]
}
