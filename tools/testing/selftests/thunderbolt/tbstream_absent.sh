#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A stream whose peer is not there: what can be seen and done. Needs no peer.

# shellcheck source-path=SCRIPTDIR source=ktap.sh
. "$(dirname "$(readlink -f "$0")")/ktap.sh"

set_up
mkdir "$service/test" || exit 1
device=/dev/tbstream$(cat "$service/test/index")
class=/sys/class/tbstream/${device#/dev/}

same absent "$(cat "$class/state")" state
ktap_result $? "state is absent"
same test "$(cat "$class/name")" name && same "$nobody" "$(cat "$class/service")" service &&
	same "" "$(cat "$class/peer_uuid")" peer_uuid && [ ! -e "$class/peer" ]
ktap_result $? "the class says who it is"

same ENXIO "$(error_of "open=$device,r,nonblock")" "open for reading" &&
	same ENXIO "$(error_of "open=$device,w,nonblock")" "open for writing"
ktap_result $? "an open that must not wait is ENXIO"
same EINVAL "$(error_of "open=$device,3")" "open with mode 3"
ktap_result $? "access mode 3 is EINVAL"

timeout 1 "$tbstream_io" "open=$device,r" > /dev/null
same 124 $? "exit code of an open that was interrupted after a second"
ktap_result $? "an open waits, and can be interrupted"

# An open that waits does not keep the directory.
"$tbstream_io" "open=$device,r" > "${TMPDIR:-/tmp}/tbstream_absent.$$" &
opener=$!
code=1
for _ in $(seq 500); do
	if grep -q tbstream /proc/$opener/stack 2> /dev/null; then
		code=0
		break
	fi
	sleep 0.01
done
rmdir "$service/test" || code=1
wait $opener
grep -q '"errno": "ENODEV"' "${TMPDIR:-/tmp}/tbstream_absent.$$" || code=1
rm -f "${TMPDIR:-/tmp}/tbstream_absent.$$"
[ ! -e "$device" ] || code=1
ktap_result $code "rmdir ends an open that waits with ENODEV"
ktap_end
