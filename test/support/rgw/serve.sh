#!/bin/bash
# usage: serve.sh TREE WORK PORT MON_PORT MON_PORT_V1
# Runs cluster.sh inside TREE with its data in WORK and prints what it prints, "READY" above all. Stays in the
# foreground; SIGTERM ends every daemon. S3_KEY and S3_SECRET are the credentials of the one user.
set -euo pipefail

tree=$1 work=$2
shift 2
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cp "$(dirname "$0")/cluster.sh" "$work/cluster.sh"

namespaces=(--mount --propagation private --pid --fork --kill-child)
[ "$(id -u)" = 0 ] || namespaces=(--user --map-root-user "${namespaces[@]}")
# shellcheck disable=SC2016 # expanded inside the namespace
enter='
  tree=$1 work=$2
  shift 2
  mount --rbind /dev "$tree/dev"
  mount -t proc proc "$tree/proc"
  mount --bind "$work" "$tree/cluster"
  exec chroot "$tree" /bin/bash /cluster/cluster.sh /cluster "$@"
'
unshare "${namespaces[@]}" -- bash -euc "$enter" enter "$tree" "$work" "$@" &
namespace=$!
# unshare itself ignores SIGTERM; when it dies, its process namespace dies with it.
trap 'kill -9 "$namespace" 2>/dev/null || true' EXIT
trap 'exit 0' TERM INT
wait "$namespace"
