# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables come from setup
# The two kernels of the lab. 6.12 comes installed with its headers; of 7.3 the
# headers are installed and image and modules only unpacked, because nothing
# boots them here. Result: build/kernels/SERIES/{release,vmlinuz,modules}.

kernels_inputs() {
	cat "$(stage_marker qemu)" "$lab_dir/setup.d/kernels.sh"
}

kernels_intact() {
	local series release
	for series in 6.12 7.3; do
		release=$(cat "$build/kernels/$series/release" 2> /dev/null) || return 1
		[ -s "$build/kernels/$series/vmlinuz" ] &&
			[ -d "$build/kernels/$series/modules/kernel" ] &&
			[ -e "$root/lib/modules/$release/build/Makefile" ] || return 1
	done
}

# kernel_newest SERIES: release of the newest headers that apt offers, such as
# 7.3.4+deb13-amd64.
kernel_newest() {
	in_root apt-cache --names-only search \
		"^linux-headers-${1//./\\.}(\\.[0-9]+)?\\+deb[0-9]+-amd64\$" |
		sed 's/^linux-headers-\([^ ]*\) .*/\1/' | sort -V | tail -n 1
}

# kernel_place SERIES RELEASE TREE: publish an unpacked or installed kernel.
kernel_place() {
	local place=$build/kernels/$1 image list
	local modules=$3/usr/lib/modules/$2
	rm -rf "$place"
	mkdir -p "$place"
	for image in "$3/boot/vmlinuz-$2" "$modules"/vmlinuz "$modules"/vmlinuz.*signed; do
		[ ! -s "$image" ] || cp "$image" "$place/vmlinuz"
	done
	[ -s "$place/vmlinuz" ] || die "the packages of kernel $2 contain no vmlinuz"
	cp -r --reflink=auto "$modules" "$place/modules"
	rm -f "$place/modules"/{build,source,vmlinuz,vmlinuz.*}
	# 7.3 has these in a package of its own, which the headers pull in.
	for list in modules.builtin modules.builtin.modinfo modules.order; do
		[ -e "$place/modules/$list" ] ||
			cp "$root/usr/lib/modules/$2/$list" "$place/modules/"
	done
	echo "$2" > "$place/release"
}

kernels_make() {
	local release old tree=$build/kernels/unpacked package image='' deb
	old=$(cd "$root/lib/modules" && find . -maxdepth 1 -name '6.12.*-amd64' |
		sed 's,^\./,,' | sort -V | tail -n 1)
	[ -s "$root/boot/vmlinuz-$old" ] ||
		die "no kernel 6.12 in build/root/boot; remove build/root and run set-up again"
	kernel_place 6.12 "$old" "$root"

	release=$(kernel_newest 7.3)
	[ -n "$release" ] ||
		die "this mirror's $suite-backports carries no kernel 7.3 any more; see setup.d/kernels.sh"
	apt_install "linux-headers-$release"
	# The image package has had several names.
	for package in "linux-binary-$release" "linux-binary-unsigned-$release" \
		"linux-image-$release" "linux-image-unsigned-$release"; do
		if in_root apt-cache show "$package" > /dev/null 2>&1; then
			image=$package
			break
		fi
	done
	[ -n "$image" ] || die "no image package for kernel $release in $suite-backports"
	mkdir -p "$cache/kernels"
	# shellcheck disable=SC2016 # expanded inside the root
	retry 3 in_root sh -c 'cd /src/build/cache/kernels && apt-get -q download "$@"' - \
		"$image" "linux-modules-$release" >> "$build/setup.log" 2>&1 ||
		die "downloading kernel $release failed; see the end of build/setup.log, then run set-up again"
	rm -rf "$tree"
	mkdir -p "$tree"
	for deb in "$cache/kernels/"*"-${release}_"*.deb; do
		dpkg-deb -x "$deb" "$tree"
	done
	# Packages that still ship /lib land beside /usr/lib.
	[ ! -d "$tree/lib/modules" ] || cp -a "$tree/lib/." "$tree/usr/lib/"
	kernel_place 7.3 "$release" "$tree"
	rm -rf "$tree"
}
