/** Files that editors, file managers and interpreters leave behind. They are nobody's work and never an edit. */
const SCRATCH_DIRECTORIES = new Set(['__pycache__', '.mypy_cache', '.ruff_cache', '.pytest_cache'])
const SCRATCH_FILE =
  /^(?:\.DS_Store|\._.*|Thumbs\.db|desktop\.ini|.*\.py[co]|\..*\.sw[a-p]|.*~|\.#.*|#.*#|4913)$/i

/** @param path relative path of a file that no manifest names */
export function isScratch(path: string): boolean {
  const names = path.split('/')
  return (
    names.slice(0, -1).some((name) => SCRATCH_DIRECTORIES.has(name)) || SCRATCH_FILE.test(names.at(-1) ?? '')
  )
}
