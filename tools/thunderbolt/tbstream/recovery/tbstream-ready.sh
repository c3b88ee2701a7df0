#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# dracut: with "tbstream" on the kernel's command line, be ready to send and receive
# before the root file system is mounted ("tbstream rd.break=pre-mount").

if getargbool 0 tbstream; then
	modprobe configfs
	[ -d /sys/kernel/config/thunderbolt ] ||
		mount -t configfs configfs /sys/kernel/config
	modprobe thunderbolt_stream
fi
