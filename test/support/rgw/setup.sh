#!/bin/bash
# Builds the Debian tree that holds Ceph, unless it is there, and prints its path. Needs root and apt.
set -euo pipefail

suite=${RGW_SUITE:-forky}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/skillsctl-rgw
tree=$cache/$suite

if [ -x "$tree/usr/bin/radosgw" ]; then
  echo "$tree"
  exit
fi
if [ "$(id -u)" != 0 ]; then
  echo "setup.sh: building the Ceph tree needs root" >&2
  exit 1
fi

if ! command -v mmdebstrap >/dev/null; then
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >&2
fi

# The mirror of this machine for Debian itself; the security archive has no suites but its own.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(LABEL)' | sed -n 's/ Debian$//p' | sort -u | head -n 1)
if [ -z "$mirror" ]; then
  echo "setup.sh: apt knows no Debian mirror on this machine" >&2
  exit 1
fi

# Built under another name, so that a tree that is there is a whole one.
mkdir -p "$cache"
building=$(mktemp -d "$cache/$suite.building.XXXXXX")
trap 'rm -rf "$building"' EXIT
# A mirror may be a snapshot whose index is past its date; signatures are checked all the same.
echo "building a Debian tree with Ceph, once …" >&2
if ! mmdebstrap --variant=extract \
  --include=bash,coreutils,base-files,libc-bin,ceph-mon,ceph-osd,radosgw,ceph-common \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
  "$suite" "$building" "$mirror" >"$cache/build.log" 2>&1; then
  echo "setup.sh: mmdebstrap failed; see $cache/build.log" >&2
  exit 1
fi

# Mount points for serve.sh, and without what a single-node gateway never uses.
mkdir -p "$building"/{cluster,proc,dev,tmp}
rm -rf "$building"/usr/share/{doc,man,locale,info} "$building"/var/cache/apt "$building"/var/lib/apt/lists
rm -f "$building"/usr/bin/{ceph-dencoder,ceph-objectstore-tool,ceph-bluestore-tool,ceph-kvstore-tool}
rm -f "$building"/usr/bin/{ceph-monstore-tool,ceph-osdomap-tool,radosgw-es,radosgw-object-expirer}
chmod 755 "$building"
chroot "$building" /usr/bin/radosgw --version >&2
mv -T "$building" "$tree"
trap - EXIT
echo "$tree"
