#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The other end of tbstream_cdev. Run it on the computer at the other end of the
# cable, before the tests and until they are through; CTRL-C ends it.

# shellcheck source-path=SCRIPTDIR source=ktap.sh
. "$(dirname "$(readlink -f "$0")")/ktap.sh"

die() {
	echo "tbstream_partner: $1" >&2
	exit 1
}

[ "$(id -u)" = 0 ] || die "must be root"
[ -x "$here/tbstream_partner" ] || die "no tbstream_partner: run make in $here"
[ -d "$configfs" ] || modprobe -q thunderbolt_stream || die "no thunderbolt_stream module"
key=$(grep -lx stream /sys/bus/thunderbolt/devices/*/key 2> /dev/null | head -n 1)
[ -n "$key" ] || die "no peer with a stream service: is the cable in, and the module loaded there?"
# ktap.sh removes what is in $service
service=$configfs/$(basename "$(dirname "$key")")
[ ! -e "$service" ] || die "$service exists: remove it first"
trap clean_up EXIT
trap 'exit 0' INT TERM
mkdir "$service" "$service/selftest" || exit 1
echo -1 > "$service/selftest/in_hopid" && echo -1 > "$service/selftest/out_hopid" || exit 1

echo "serving /dev/tbstream$(cat "$service/selftest/index")"
"$here/tbstream_partner" "/dev/tbstream$(cat "$service/selftest/index")" &
partner=$!
trap 'kill $partner; wait $partner; clean_up' EXIT
wait $partner
