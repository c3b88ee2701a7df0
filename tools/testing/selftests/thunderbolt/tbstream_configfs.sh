#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Attributes of a stream: defaults, good values, bad values. Needs no peer.

# shellcheck source-path=SCRIPTDIR source=ktap.sh
. "$(dirname "$(readlink -f "$0")")/ktap.sh"

# value ATTRIBUTE
value() {
	cat "$service/test/$1"
}

# takes ATTRIBUTE VALUE...: each is taken and read back
takes() {
	local attribute=$1 text
	shift
	for text; do
		same none "$(error_of "attr=$service/test/$attribute=$text")" \
			"write $text to $attribute" || return 1
		same "$text" "$(value "$attribute")" "$attribute" || return 1
	done
}

# refuses ATTRIBUTE ERROR VALUE...: each gives the error and changes nothing
refuses() {
	local attribute=$1 error=$2 text before
	before=$(value "$attribute")
	shift 2
	for text; do
		same "$error" "$(error_of "attr=$service/test/$attribute=$text")" \
			"write $text to $attribute" || return 1
		same "$before" "$(value "$attribute")" "$attribute" || return 1
	done
}

set_up
mkdir "$service/test" || exit 1

code=0
while read -r attribute default; do
	same "$default" "$(value "$attribute")" "$attribute" || code=1
done << END
in_hopid 0
out_hopid 0
ring_size 256
throttling 8192
busy_poll 0
linger 30000
END
ktap_result $code "defaults"

same "character special file" "$(stat -c %F "/dev/tbstream$(value index)")" "device"
ktap_result $? "index names the device"
takes in_hopid -1 0 8 12
ktap_result $? "in_hopid takes -1, 0 and numbers from 8"
takes out_hopid -1 0 8 12
ktap_result $? "out_hopid takes -1, 0 and numbers from 8"
refuses in_hopid ERANGE -2 1 7 99999999999 && refuses out_hopid ERANGE -2 1 7
ktap_result $? "HopIDs out of range are ERANGE"
takes ring_size 32 4096 && refuses ring_size ERANGE 0 31 4097 -1
ktap_result $? "ring_size is 32 to 4096"
takes throttling 0 16776960 && refuses throttling ERANGE 16776961 -1
ktap_result $? "throttling is 0 to 16776960"
takes busy_poll 1 0 && refuses busy_poll ERANGE 2 -1
ktap_result $? "busy_poll is 0 or 1"
takes linger 0 1 86400000 && refuses linger ERANGE 86400001 -1
ktap_result $? "linger is 0 to 86400000"

code=0
for attribute in in_hopid out_hopid ring_size throttling busy_poll linger; do
	refuses $attribute EINVAL abc 9x "9 9" 1.5 || code=1
done
ktap_result $code "what is no number is EINVAL"

same EACCES "$(error_of "attr=$service/test/index=1")" "write to index"
ktap_result $? "index cannot be written"
same ENAMETOOLONG "$(error_of "mkdir=$service/123456789")" "mkdir of 9 characters"
ktap_result $? "a name has at most 8 characters"
same EINVAL "$(error_of "mkdir=$service/$(printf 'a\tb')")" "mkdir with a tab"
ktap_result $? "a name is printable ASCII"
same EINVAL "$(error_of "mkdir=$configfs/0-1.0x")" "mkdir of 0-1.0x"
ktap_result $? "junk behind a service is EINVAL"
ktap_end
