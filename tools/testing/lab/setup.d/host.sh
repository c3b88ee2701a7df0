# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables come from setup
# What the lab needs from the machine it runs on.

host_check() {
	local id="" free_kib
	if [ -r /etc/os-release ]; then
		# shellcheck source=/dev/null
		id=$(. /etc/os-release && echo "${ID-} ${ID_LIKE-}")
	fi
	case " $id " in
	*" debian "*) ;;
	*) die "this machine is not Debian (ID='$id' in /etc/os-release); the lab is made by debootstrap from its apt configuration" ;;
	esac
	[ "$(dpkg --print-architecture)" = amd64 ] ||
		die "this machine is $(dpkg --print-architecture); the lab needs amd64"
	[ "$(id -u)" = 0 ] ||
		die "must be root, because debootstrap and chroot need it; run the same command with sudo"
	mkdir -p "$build"
	unshare --mount --pid --fork true 2> /dev/null ||
		die "cannot create mount and PID namespaces; in a container, start it with --privileged"
	free_kib=$(df -Pk "$build" | awk 'NR == 2 { print $4 }')
	[ -e "$root" ] || [ "$free_kib" -gt 6000000 ] ||
		die "only $((free_kib / 1024)) MiB free in $build; the lab needs about 6 GB"
	if ! command -v debootstrap > /dev/null; then
		say "installing debootstrap on this machine (the only package it gets)"
		retry 3 host_install debootstrap ||
			die "apt-get could not install debootstrap; fix this machine's apt, then try again"
	fi
}

host_install() {
	apt-get -q -y --no-install-recommends install "$@" < /dev/null ||
		{ apt-get -q update < /dev/null && return 1; }
}
