# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables come from setup
# Find the Debian mirror in the apt configuration of this machine.

# apt_sources: every enabled binary source as "URI SUITE KEYRING TRUSTED",
# "-" for a keyring that is not named by a path. Reads both formats, from
# where apt itself would read them.
apt_sources() {
	local parts='' list='' file files=()
	eval "$(apt-config shell list Dir::Etc::sourcelist/f \
		parts Dir::Etc::sourceparts/d)"
	for file in "$list" "$parts"/*.list "$parts"/*.sources; do
		[ ! -r "$file" ] || [ -d "$file" ] || files+=("$file")
	done
	awk -v OFS=' ' '
	function flush_stanza(    u, s, i, j, n, m) {
		if (types ~ /(^| )deb( |$)/ && tolower(enabled) != "no" &&
		    comps ~ /(^| )main( |$)/) {
			n = split(uris, u, " ")
			m = split(suites, s, " ")
			for (i = 1; i <= n; i++)
				for (j = 1; j <= m; j++)
					print u[i], s[j], keyring(signed), trust(trusted)
		}
		types = uris = suites = comps = signed = trusted = enabled = field = ""
	}
	function keyring(path) {
		sub(/^ +/, "", path)
		sub(/ .*/, "", path)
		return path ~ /^\// ? path : "-"
	}
	function trust(value) { return value ~ /yes/ ? "yes" : "no" }
	FNR == 1 { flush_stanza(); deb822 = FILENAME ~ /\.sources$/ }
	{ sub(/\r$/, "") }
	/^[ \t]*#/ { next }
	deb822 && /^[ \t]*$/ { flush_stanza(); next }
	deb822 {
		line = $0
		if (line !~ /^[ \t]/) {
			field = tolower(line)
			sub(/:.*/, "", field)
			sub(/^[^:]*:/, "", line)
		}
		gsub(/[ \t]+/, " ", line)
		if (field == "types") types = types line
		else if (field == "uris") uris = uris line
		else if (field == "suites") suites = suites line
		else if (field == "components") comps = comps line
		else if (field == "signed-by") signed = signed line
		else if (field == "trusted") trusted = trusted line
		else if (field == "enabled") { enabled = line; gsub(/ /, "", enabled) }
		next
	}
	$1 == "deb" {
		line = $0
		sub(/^deb[ \t]+/, "", line)
		sub(/#.*/, "", line)
		signed = trusted = ""
		if (line ~ /^\[/) {
			options = line
			sub(/\].*/, "", options)
			sub(/^[^\]]*\][ \t]*/, "", line)
			if (match(options, /signed-by=[^ \t,]+/))
				signed = substr(options, RSTART + 10, RLENGTH - 10)
			if (options ~ /trusted=yes/) trusted = "yes"
		}
		n = split(line, w, /[ \t]+/)
		for (i = 3; i <= n; i++)
			if (w[i] == "main")
				print w[1], w[2], keyring(signed), trust(trusted)
		signed = trusted = ""
	}
	END { flush_stanza() }
	' /dev/null "${files[@]}"
}

# plain_uri URI: what debootstrap can use. apt's mirror+file: names a list of
# mirrors (Debian's cloud images have that); other methods give nothing.
plain_uri() {
	local uri=$1 file
	case $uri in
	http://* | https://* | file:*) echo "${uri%/}" ;;
	mirror+file:*)
		file=${uri#mirror+file:}
		awk '/^[a-z]+:/ { sub(/\/$/, "", $1); print $1; exit }' "/${file#/}" \
			2> /dev/null || true
		;;
	esac
}

# mirror_has URI SUITE: fetched by apt's own methods, so proxies count.
mirror_has() {
	local answer=$cache/InRelease.probe
	rm -f "$answer"
	/usr/lib/apt/apt-helper download-file "$1/dists/$2/InRelease" "$answer" \
		> /dev/null 2>&1 && [ -s "$answer" ]
}

# mirror_find: sets mirror, mirror_keyring, mirror_trusted and, when the
# machine has a security source that carries our suite, security.
mirror_find() {
	local uri source_suite keyring trusted plain seen=""
	mirror='' security='' mirror_keyring='' mirror_trusted=no
	while read -r uri source_suite keyring trusted; do
		plain=$(plain_uri "$uri")
		[ -n "$plain" ] || continue
		case $source_suite in
		*-security | */updates)
			[ -n "$security" ] || ! mirror_has "$plain" "$suite-security" ||
				security=$plain
			;;
		*-* | */*) ;;
		*)
			seen+=" $plain"
			if [ -z "$mirror" ] && mirror_has "$plain" "$suite"; then
				mirror=$plain
				mirror_trusted=$trusted
				[ "$keyring" = - ] || mirror_keyring=$keyring
			fi
			;;
		esac
	done < <(apt_sources)
	[ -n "$mirror" ] ||
		die "no mirror in this machine's apt configuration carries Debian $suite" \
			"(tried:${seen:- none found}). Add a 'deb' source with component" \
			"main to /etc/apt/sources.list.d, or mend the network, then try again."
	if [ -z "$mirror_keyring" ]; then
		mirror_keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	fi
	[ "$mirror_trusted" = yes ] || [ -r "$mirror_keyring" ] ||
		die "keyring $mirror_keyring is missing; install debian-archive-keyring"
	mirror_has "$mirror" "$suite-backports" ||
		die "$mirror does not carry $suite-backports, where QEMU and the 7.3 kernel come from"
}

# mirror_proxy: debootstrap downloads with wget, which reads the environment.
mirror_proxy() {
	local http='' https=''
	eval "$(apt-config shell http Acquire::http::Proxy https Acquire::https::Proxy)"
	[ -z "$http" ] || [ "$http" = DIRECT ] || export http_proxy=$http
	[ -z "$https" ] || [ "$https" = DIRECT ] || export https_proxy=$https
}
