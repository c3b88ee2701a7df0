# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables come from setup
# What draws the results of measurements. Compiler and QEMU, which takes the plugin that
# counts instructions, are there already.

bench_packages=(gnuplot-nox)

bench_inputs() {
	cat "$(stage_marker toolchain)"
	printf '%s\n' "${bench_packages[@]}"
}

bench_intact() {
	[ -x "$root/usr/bin/gnuplot-nox" ]
}

bench_make() {
	apt_install "${bench_packages[@]}"
	in_root sh -c 'echo "set terminal pngcairo; set output \"/dev/null\"; plot 1" | gnuplot -' \
		>> "$build/setup.log" 2>&1 ||
		die "gnuplot in build/root cannot draw PNG files; remove build/root and try again"
}
