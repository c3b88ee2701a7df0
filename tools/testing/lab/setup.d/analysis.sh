# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables come from setup
# What fuzzes the parts of the driver that need no hardware, checks their model, and compiles
# the driver for other processors.

# libFuzzer comes with clang's runtime libraries
analysis_packages=(clang libclang-rt-dev llvm spin)
# The module is compiled for other processors, never run there
analysis_packages+=(gcc-aarch64-linux-gnu gcc-i686-linux-gnu gcc-s390x-linux-gnu)

analysis_inputs() {
	cat "$(stage_marker toolchain)"
	printf '%s\n' "${analysis_packages[@]}"
}

analysis_intact() {
	[ -x "$root/usr/bin/clang" ] && [ -x "$root/usr/bin/spin" ] &&
		[ -x "$root/usr/bin/aarch64-linux-gnu-gcc" ] && [ -x "$root/usr/bin/s390x-linux-gnu-gcc" ]
}

analysis_make() {
	apt_install "${analysis_packages[@]}"
	in_root sh -c 'echo "int LLVMFuzzerTestOneInput(void) { return 0; }" |
		clang -fsanitize=fuzzer,address -x c -o /tmp/fuzzer - && /tmp/fuzzer -runs=1' \
		>> "$build/setup.log" 2>&1 ||
		die "clang in build/root cannot build fuzzers; remove build/root and try again"
	rm -f "$root/tmp/fuzzer"
}
