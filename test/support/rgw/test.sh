#!/bin/bash
# Runs the S3 tests against a fresh Ceph cluster on free ports. Arguments go to vitest.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tree=$("$here/setup.sh")
work=$(mktemp -d)
export S3_KEY=AKIATESTRGW S3_SECRET=test-rgw-secret

# Three ports that nobody listens on right now.
read -r port monitor monitor_v1 < <(node -e '
  const { createServer } = require("node:net")
  const servers = Array.from({ length: 3 }, () => createServer().listen(0, "127.0.0.1"))
  Promise.all(servers.map((server) => new Promise((resolve) => server.on("listening", resolve)))).then(() => {
    console.log(servers.map((server) => server.address().port).join(" "))
    for (const server of servers) server.close()
  })
')

# Through a pipe, so that waiting for READY needs no polling.
mkfifo "$work/announcements"
"$here/serve.sh" "$tree" "$work" "$port" "$monitor" "$monitor_v1" >"$work/announcements" 2>"$work/errors" &
cluster=$!
stop() {
  kill "$cluster" 2>/dev/null || true
  wait "$cluster" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT

exec 3<"$work/announcements"
if ! read -r -t 60 announcement <&3 || [ "$announcement" != READY ]; then
  echo "test.sh: the cluster did not come up:" >&2
  tail -n 20 "$work/errors" "$work"/log/*.log >&2 || true
  exit 1
fi

cd "$here/../../.."
S3_ENDPOINT=http://127.0.0.1:$port npx vitest run --config vitest.rgw.config.ts "$@"
