#!/bin/bash
# usage: cluster.sh DIRECTORY PORT MON_PORT MON_PORT_V1
# One monitor, one object store in memory, one S3 gateway, all on loopback and without Ceph's own authentication.
# Prints READY once the gateway answers; ends when a daemon does. Meant for a process namespace (serve.sh).
set -euo pipefail

directory=$1 port=$2 monitor=$3 monitor_v1=$4
fsid=$(cat /proc/sys/kernel/random/uuid)
osd=$(cat /proc/sys/kernel/random/uuid)
addresses="[v2:127.0.0.1:$monitor,v1:127.0.0.1:$monitor_v1]"
export CEPH_CONF=$directory/ceph.conf
mkdir -p "$directory"/{mon,osd,run,log}

cat >"$CEPH_CONF" <<CONF
[global]
fsid = $fsid
mon host = $addresses
mon initial members = a
public network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
mon data = $directory/mon
osd data = $directory/osd
run dir = $directory/run
admin socket = $directory/run/\$name.\$pid.asok
pid file =
log file = $directory/log/\$name.log
log to stderr = false
err to stderr = false
# One copy of everything, in memory, and no warning about it or about a full disk.
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data avail warn = 1
mon data avail crit = 1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 2
osd pool default pgp num = 2
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 2147483648
osd max object name len = 460
osd max object namespace len = 64
# Up as fast as it can.
osd op num shards = 2
osd numa auto affinity = false
osd class load list = *
osd class default list = *
osd mclock skip benchmark = true
paxos propose interval = 0.02
paxos min wait = 0.005
objecter tick interval = 0.5
mon client hunt interval = 0.5
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$port
rgw thread pool size = 64
rgw enable usage log = false
rgw crypt require ssl = false
rgw s3 auth use sts = false
CONF

monmaptool --create --fsid "$fsid" --addv a "$addresses" "$directory/monmap" >/dev/null
ceph-mon --mkfs -i a --monmap "$directory/monmap"
ceph-mon -f -i a &
ceph --connect-timeout 20 osd new "$osd" 0 >/dev/null
ceph-osd --mkfs -i 0 --osd-uuid "$osd"
ceph-osd -f -i 0 &
radosgw-admin user create --uid=test --display-name=test --access-key="$S3_KEY" --secret-key="$S3_SECRET" \
  >"$directory/log/user.json" 2>"$directory/log/user.err"
radosgw -f -n client.rgw &

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
for _ in $(seq 600); do
  answers && break
  sleep 0.05
done
answers || { echo "the gateway does not answer" >&2; exit 1; }
echo READY
wait -n || true
echo "a daemon of the cluster ended" >&2
exit 1
