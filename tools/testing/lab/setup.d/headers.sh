# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables come from setup
# Headers of the kernels that the module is built for but that nothing boots here: the
# newest of each series that the archive still has. One that it has no more leaves a
# sentence in build/kernels/absent-SERIES, with which its checks are skipped.

header_series=(7.0 7.2)

headers_inputs() {
	cat "$(stage_marker kernels)" "$lab_dir/setup.d/headers.sh"
}

headers_intact() {
	local series
	for series in "${header_series[@]}"; do
		[ -s "$build/kernels/absent-$series" ] ||
			compgen -G "$root/lib/modules/$series.*/build/Makefile" > /dev/null || return 1
	done
}

headers_make() {
	local series release
	for series in "${header_series[@]}"; do
		rm -f "$build/kernels/absent-$series"
		release=$(kernel_newest "$series")
		if [ -n "$release" ]; then
			apt_install "linux-headers-$release"
		else
			echo "the archive has no kernel $series any more" \
				> "$build/kernels/absent-$series"
			say "headers: the archive has no kernel $series any more; nothing is built for it"
		fi
	done
}
