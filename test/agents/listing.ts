/** What agents tell their models of skills and agents, as `name: description`. */

const SKILLS = 'The following skills are available for use with the Skill tool:'
const AGENTS = 'Available agent types for the Agent tool:'

/** Claude Code. Of the last announcement: a session announces all of them once, and later whatever is new or has changed. */
export function skillsIn(text: string): string[] {
  return linesAfter(text, SKILLS)
}

export function agentsIn(text: string): string[] {
  return linesAfter(text, AGENTS).map((line) => line.replace(/ \(Tools: .*\)$/, ''))
}

function linesAfter(text: string, heading: string): string[] {
  const start = text.lastIndexOf(heading)
  if (start < 0) return []
  const lines = text
    .slice(start + heading.length)
    .trimStart()
    .split('\n')
  const end = lines.indexOf('')
  return lines
    .slice(0, end < 0 ? undefined : end)
    .filter((line) => line.startsWith('- '))
    .map(withoutLabel)
}

/** Some versions add the name that a SKILL.md gives itself: `- directory (name): description`. */
function withoutLabel(line: string): string {
  return line.slice(2).replace(/^(.+?) \([^)]*\)(?=: |$)/, '$1')
}

/** Gemini CLI and OpenCode. */
export function availableSkillsIn(text: string): string[] {
  const skills = text.matchAll(
    /^ *<skill>\n *<name>(.*)<\/name>\n *<description>([\s\S]*?)<\/description>\n *<location>/gm,
  )
  return [...skills].map(([, name, description]) => `${name}: ${description}`)
}

/** What is listed for everybody goes. */
export function besides(usual: readonly string[], lines: readonly string[]): string[] {
  const names = new Set(usual.map(nameOf))
  return lines.filter((line) => !names.has(nameOf(line)))
}

export function nameOf(line: string): string {
  return line.split(': ')[0] ?? line
}
