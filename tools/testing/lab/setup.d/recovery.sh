# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables come from setup
# What makes initramfs images to recover a host with, besides initramfs-tools, which
# comes with the kernel. Without the package dracut, which would take its place.

recovery_packages=(dracut-core)

recovery_inputs() {
	cat "$(stage_marker toolchain)"
	printf '%s\n' "${recovery_packages[@]}"
}

recovery_intact() {
	[ -x "$root/usr/bin/dracut" ] && [ -x "$root/usr/sbin/mkinitramfs" ]
}

recovery_make() {
	apt_install "${recovery_packages[@]}"
}
