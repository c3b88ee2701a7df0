# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables come from setup
# What "make check-tree" takes: the source of kernel 7.3 and what makes HTML of the
# kernel's documents, pictures included. Nothing else needs it, so it is made only when asked for.

tree_packages=(linux-source-7.3 python3-sphinx python3-yaml graphviz)

tree_inputs() {
	cat "$(stage_marker packages)"
	printf '%s\n' "${tree_packages[@]}"
}

tree_intact() {
	[ -s "$root/usr/src/linux-source-7.3.tar.xz" ] && [ -x "$root/usr/bin/sphinx-build" ]
}

tree_make() {
	apt_install "${tree_packages[@]}"
}
