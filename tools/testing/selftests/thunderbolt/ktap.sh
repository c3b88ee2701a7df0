#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts here share: KTAP output, tbstream_io, cleaning up.
# shellcheck disable=SC2034 # used by the scripts that source this

KSFT_SKIP=4
configfs=/sys/kernel/config/thunderbolt/stream
# No host has this UUID, so the scripts disturb nobody and need no peer.
nobody=00000000-1111-2222-3333-444444444444
service=$configfs/$nobody

ktap_number=0
ktap_failed=0

here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
tbstream_io=$(PATH=$here:$PATH command -v tbstream_io || true)

ktap_skip_all() {
	echo "1..0 # SKIP $1"
	exit $KSFT_SKIP
}

# ktap_result CODE NAME
ktap_result() {
	ktap_number=$((ktap_number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $ktap_number $2"
	else
		echo "not ok $ktap_number $2"
		ktap_failed=$((ktap_failed + 1))
	fi
}

ktap_end() {
	echo "1..$ktap_number"
	[ "$ktap_failed" = 0 ]
}

# same EXPECTED ACTUAL WHAT
same() {
	[ "$1" = "$2" ] && return 0
	echo "# $3: expected \"$1\", got \"$2\""
	return 1
}

# error_of STEP: name of the error of one step of tbstream_io, "none" without
error_of() {
	"$tbstream_io" "$1" 2>&1 | sed -n 's/.*"errno": \(null\|"\([A-Z0-9]*\)"\).*/\2/p' |
		sed 's/^$/none/'
}

clean_up() {
	local directory

	for directory in "$service"/*/; do
		[ ! -d "$directory" ] || rmdir "$directory"
	done
	[ ! -d "$service" ] || rmdir "$service"
}

set_up() {
	echo "KTAP version 1"
	[ "$(id -u)" = 0 ] || ktap_skip_all "must be root"
	[ -n "$tbstream_io" ] || ktap_skip_all "no tbstream_io: run make in $here"
	[ -d "$configfs" ] || modprobe -q thunderbolt_stream ||
		ktap_skip_all "no thunderbolt_stream module"
	[ -d "$configfs" ] || ktap_skip_all "no $configfs: is configfs mounted?"
	[ ! -e "$service" ] || ktap_skip_all "$service exists: remove it first"
	trap clean_up EXIT
	mkdir "$service"
}
