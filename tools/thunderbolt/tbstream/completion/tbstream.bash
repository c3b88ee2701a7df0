# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of tbstream(8) for bash

# Streams that are configured, alone and with their hosts
_tbstream_streams() {
	tbstream -S list 2> /dev/null |
		awk -F , 'NR > 1 && $12 != "" { print $12; if ($4 != "") print $4 "/" $12 }' | sort -u
}

_tbstream_hosts() {
	tbstream -S list 2> /dev/null | awk -F , 'NR > 1 && $4 != "" { print $4; print $5 }' | sort -u
}

_tbstream() {
	local current=${COMP_WORDS[COMP_CWORD]} command='' position=0 i words=''
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-d | -r | -i | -t | -I | -c | --domain | --route | --index | --timeout | --interval | --count)
			i=$((i + 1))
			;;
		-*) ;;
		*)
			[ -n "$command" ] || command=${COMP_WORDS[i]}
			position=$((position + 1))
			;;
		esac
	done
	case $command:$position:$current in
	*:*:-*)
		words='--domain --route --index --verbose --script --json --help --version'
		case $command in
		remove) words+=' --force' ;;
		receive) words+=' --force --quiet --no-checksum --timeout --no-wait' ;;
		send) words+=' --force --quiet --no-checksum --timeout --no-wait' ;;
		create | show) words+=' --timeout --no-wait' ;;
		wait) words+=' --timeout' ;;
		monitor) words+=' --interval --count' ;;
		esac
		;;
	*:0:*) words='list show create remove wait send receive monitor doctor' ;;
	wait:1:*) words='host stream session' ;;
	wait:2:*)
		if [ "${COMP_WORDS[COMP_CWORD - 1]}" = host ]; then
			words=$(_tbstream_hosts)
		else
			words=$(_tbstream_streams)
		fi
		;;
	create:1:*) words="$(_tbstream_streams) $(_tbstream_hosts | sed 's,$,/,')" ;;
	create:*:*)
		words='in_hopid= out_hopid= ring_size= throttling= busy_poll= linger='
		compopt -o nospace 2> /dev/null
		;;
	remove:1:* | send:1:* | receive:1:* | show:*:* | monitor:*:*) words=$(_tbstream_streams) ;;
	send:2:* | receive:2:*)
		compopt -o filenames 2> /dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _tbstream tbstream
