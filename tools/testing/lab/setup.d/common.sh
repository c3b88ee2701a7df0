# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables come from setup
# Messages, retries and stage markers of the lab's set-up.

say() {
	printf '[lab] %s\n' "$*"
}

die() {
	printf '[lab] error: %s\n' "$*" >&2
	exit 1
}

# retry COUNT COMMAND...: for downloads; waits longer after each failure.
retry() {
	local count=$1 attempt
	shift
	for ((attempt = 1; attempt <= count; attempt++)); do
		"$@" && return 0
		[ "$attempt" -lt "$count" ] || break
		say "attempt $attempt of $count failed ($1); again in $((attempt * 5)) s"
		sleep $((attempt * 5))
	done
	return 1
}

# mortal COMMAND...: a command that dies with this script, even of SIGKILL,
# has nothing on standard input and does not hold the set-up's lock.
mortal() {
	setpriv --pdeathsig KILL "$@" < /dev/null 9>&-
}

# in_root COMMAND...: run inside build/root.
in_root() {
	mortal "$lab_dir/enter" "$@"
}

# apt_install [APT OPTION...] PACKAGE...
apt_install() {
	# A run that was killed may have left packages half-installed.
	in_root sh -c 'dpkg --configure -a && apt-get -q -y -f install' \
		>> "$build/setup.log" 2>&1 || true
	retry 3 in_root apt-get -q -y --no-install-recommends \
		-o Dpkg::Use-Pty=0 install "$@" >> "$build/setup.log" 2>&1 || {
		tail -n 15 "$build/setup.log" >&2
		die "installing packages inside build/root failed (see above, all of it" \
			"in build/setup.log). Check the network, then run the same command" \
			"again: it continues with what is already downloaded."
	}
}

stage_marker() {
	printf '%s/.lab-stage-%s' "$root" "$1"
}

stage_digest() {
	"$1_inputs" | sha256sum | cut -d' ' -f1
}

# stage_run NAME TITLE: make the stage unless its marker says it is current.
stage_run() {
	local name=$1 title=$2 digest marker begin=$SECONDS
	marker=$(stage_marker "$name")
	digest=$(stage_digest "$name")
	if [ "$(cat "$marker" 2> /dev/null)" = "$digest" ] && "$name"_intact; then
		fresh=$((fresh + 1))
		return 0
	fi
	say "$name: $title ..."
	rm -f "$marker"
	"$name"_make
	echo "$digest" > "$marker"
	say "$name: done in $((SECONDS - begin)) s"
}
