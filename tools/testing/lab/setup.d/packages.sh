# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables come from setup
# What makes our Debian package, and what builds the module when it is installed.

packaging_packages=(debhelper dh-dkms dkms dpkg-dev openssl)

packages_inputs() {
	cat "$(stage_marker toolchain)"
	printf '%s\n' "${packaging_packages[@]}"
}

packages_intact() {
	[ -x "$root/usr/sbin/dkms" ] && [ -x "$root/usr/bin/dh_dkms" ]
}

packages_make() {
	apt_install "${packaging_packages[@]}"
}
