#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# dracut: put tbstream, the driver and what they need into the initramfs.

check() {
	require_binaries tbstream || return 1
}

depends() {
	return 0
}

installkernel() {
	# On a machine whose cable is not plugged now, too
	hostonly='' instmods thunderbolt thunderbolt_stream configfs
}

install() {
	inst_multiple tbstream mount modprobe
	# shellcheck disable=SC2154 # from dracut
	inst_hook pre-trigger 50 "$moddir/tbstream-ready.sh"
}
