# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables come from setup
# The virtual hosts: one root disk with the modules of both kernels, and an
# initramfs for each kernel. Made inside the root by guest/make-image.

guest_inputs() {
	cat "$(stage_marker kernels)" "$lab_dir/setup.d/guest.sh" "$lab_dir"/guest/*
}

guest_intact() {
	[ -s "$build/guest/root.img" ] && [ -s "$build/guest/initrd-6.12" ] &&
		[ -s "$build/guest/initrd-7.3" ] && [ -e "$root/.lab-ready-qemu" ]
}

guest_make() {
	rm -f "$root/.lab-ready-qemu"
	mkdir -p "$cache/debootstrap"
	retry 2 in_root /src/tools/testing/lab/guest/make-image "$suite" \
		>> "$build/setup.log" 2>&1 || {
		tail -n 15 "$build/setup.log" >&2
		die "making the guest image failed (see above and build/setup.log); run set-up again"
	}
	touch "$root/.lab-ready-qemu"
}
