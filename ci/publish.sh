#!/usr/bin/env bash
# The publish step for any CI: reads everything from the environment (see ci/README.md), needs Node, npm and git.
# Inside of an installed package it runs that package; elsewhere it fetches the version below.
set -euo pipefail

version="${SKILLSCTL_VERSION:-0.1.0}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
installed="$here/../dist/ci/publish.cjs"

for program in node git; do
  command -v "$program" >/dev/null || { echo "error: $program is not installed here" >&2; exit 1; }
done

if [ -f "$installed" ]; then
  exec node "$installed"
fi
# An exact version: a range would let CI run code that nobody has looked at.
[[ "$version" =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || {
  echo "error: SKILLSCTL_VERSION is an exact version such as 0.1.0, not \"$version\"" >&2
  exit 2
}
exec npx --yes --package="skillsctl@$version" -- skillsctl-ci-publish
