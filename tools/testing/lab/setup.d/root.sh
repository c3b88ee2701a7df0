# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables come from setup
# The Debian root that everything is built and run in.

toolchain_packages=(
	gcc make libc6-dev linux-headers-amd64 libjson-c-dev tini python3
	python3-pytest python3-pytest-repeat python3-pytest-timeout python3-pytest-xdist
	bc bison flex libelf-dev libssl-dev perl sparse shellcheck codespell
	procps util-linux iproute2 file rsync kmod cpio xz-utils zstd
	e2fsprogs busybox-static debootstrap tmux socat strace
	linux-source-6.12
)

base_inputs() {
	echo "$suite"
	sed -n '/^base_make/,/^}/p' "$lab_dir/setup.d/root.sh"
}

base_intact() {
	[ -x "$root/usr/bin/apt-get" ]
}

base_make() {
	local partial=$build/root.partial options=()
	mirror_find
	mirror_proxy
	say "mirror from this machine's apt: $mirror"
	if ! base_intact; then
		rm -rf --one-file-system "$partial"
		mkdir -p "$cache/debootstrap"
		case $mirror in
		https:*) options+=(--include=ca-certificates) ;;
		esac
		if [ "$mirror_trusted" = yes ]; then
			options+=(--no-check-gpg)
		else
			options+=("--keyring=$mirror_keyring")
		fi
		# In namespaces, so that a crash leaves no mount on the host.
		retry 3 base_debootstrap "$partial" "${options[@]}" || {
			tail -n 15 "$build/setup.log" >&2
			die "debootstrap failed (see above and build/setup.log). Run the same" \
				"command again: downloaded packages are kept in build/cache."
		}
		sync -f "$partial"
		rm -rf --one-file-system "$root"
		mv "$partial" "$root"
	fi
	base_configure_apt
	retry 3 in_root apt-get -q update >> "$build/setup.log" 2>&1 ||
		die "apt-get update inside build/root failed; see the end of build/setup.log"
}

base_debootstrap() {
	local target=$1
	shift
	rm -rf --one-file-system "$target"
	mortal unshare --mount --pid --fork --kill-child --mount-proc \
		debootstrap --variant=minbase "--cache-dir=$cache/debootstrap" "$@" \
		"$suite" "$target" "$mirror" >> "$build/setup.log" 2>&1
}

# base_configure_apt: same mirror, keys and network options as the host.
base_configure_apt() {
	local sources=$root/etc/apt/sources.list.d options
	rm -f "$root/etc/apt/sources.list"
	options="Types: deb\nComponents: main\n"
	if [ "$mirror_trusted" = yes ]; then
		options+="Trusted: yes\n"
	else
		install -D -m 644 "$mirror_keyring" "$root/etc/apt/keyrings/lab.gpg"
		options+="Signed-By: /etc/apt/keyrings/lab.gpg\n"
	fi
	{
		printf '%bURIs: %s\nSuites: %s %s-updates\n' "$options" "$mirror" "$suite" "$suite"
		[ -z "$security" ] ||
			printf '\n%bURIs: %s\nSuites: %s-security\n' "$options" "$security" "$suite"
	} > "$sources/lab.sources"
	{
		apt-config dump | grep -E '^Acquire::(https?|ftp|ForceIPv[46]|Retries|Check-)' || true
		printf 'Acquire::Retries "3";\nAcquire::Languages "none";\n'
		printf 'APT::Keep-Downloaded-Packages "true";\n'
	} > "$root/etc/apt/apt.conf.d/90lab"
	# The root can be made again; no need to wait for the disk at each file.
	echo force-unsafe-io > "$root/etc/dpkg/dpkg.cfg.d/lab"
	printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
}

toolchain_inputs() {
	cat "$(stage_marker base)"
	printf '%s\n' "${toolchain_packages[@]}"
}

toolchain_intact() {
	[ -e "$root/.lab-ready-toolchain" ]
}

toolchain_make() {
	rm -f "$root/.lab-ready-toolchain"
	apt_install "${toolchain_packages[@]}"
	in_root sh -c 'gcc --version > /dev/null && ls -d /lib/modules/6.12*/build/Makefile' \
		> /dev/null || die "the toolchain in build/root does not work; remove build/root and try again"
	touch "$root/.lab-ready-toolchain"
}

qemu_inputs() {
	cat "$(stage_marker toolchain)"
	echo qemu-system-x86
}

qemu_intact() {
	[ -x "$root/usr/bin/qemu-system-x86_64" ]
}

qemu_make() {
	local version
	sed -n '1,/^$/p' "$root/etc/apt/sources.list.d/lab.sources" |
		sed "s/^Suites:.*/Suites: $suite-backports/" \
			> "$root/etc/apt/sources.list.d/lab-backports.sources"
	retry 3 in_root apt-get -q update >> "$build/setup.log" 2>&1 ||
		die "apt-get update with $suite-backports failed; see the end of build/setup.log"
	apt_install -t "$suite-backports" qemu-system-x86
	version=$(in_root qemu-system-x86_64 --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p')
	dpkg --compare-versions "$version" ge 10.1 ||
		die "QEMU in build/root is $version; vfio-user needs 10.1 or later from $suite-backports"
	in_root qemu-system-x86_64 -device help 2>&1 | grep -q '"vfio-user-pci"' ||
		die "QEMU $version in build/root has no vfio-user-pci device"
}
