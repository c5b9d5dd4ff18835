#!/usr/bin/env bash
# Prints the path of Kamailio's source, ready to build a module against: with
# the config.mak that Kamailio's "make cfg" leaves.
#
#   kamailio-source.sh DIR
#
# CC is the compiler that config.mak is made for. KAMAILIO_SRC names the source,
# or else the Debian source package of the installed Kamailio is unpacked into
# DIR/<version>. Nothing under /etc/apt or /var/lib/apt is changed then: the
# machine's package sources are copied into DIR, with deb turned into deb-src,
# and apt is told to work there. Needs no root. What apt and make say is in
# DIR/log, and shown if they fail.
set -euo pipefail

dir=$(realpath -m "${1:?usage: $0 DIR}")
cc=${CC:-gcc}
log=$dir/log
mkdir -p "$dir"

# failed WHAT: the end.
failed() {
	sed -n '/^\(E\|W\|Err\|dpkg-source: error\|make\):\?/p' "$log" | tail -n 3 >&2
	echo "$1 (all that was said: $log)" >&2
	exit 1
}

# configured SOURCE: the machine that its config.mak is for.
configured() {
	$(sed -nE 's/^CC= *//p' "$1/src/config.mak") -dumpmachine 2>/dev/null || true
}

# finish SOURCE: makes its config.mak, if need be, and prints its path.
finish() {
	if [ ! -f "$1/src/config.mak" ]; then
		# LIBSSL_SET_MUTEX_SHARED: distributions build Kamailio with libssl 1.1
		# or later at hand; left alone, "make cfg" asks pkg-config on this machine.
		# HOST_ARCH: not every compiler is asked what it compiles for. Our
		# variables are none of Kamailio's.
		local cross=()
		if [ "$($cc -dumpmachine)" != "$(gcc -dumpmachine 2>/dev/null)" ]; then
			cross=("HOST_ARCH=$($cc -dumpmachine | sed -E 's/-.*//; s/^i.86$/i386/')")
		fi
		env -u MAKEFLAGS -u MFLAGS -u CFLAGS -u LDFLAGS -u CPPFLAGS -u KAMAILIO_SRC \
			make -s -C "$1/src" cfg "CC=$cc" "${cross[@]}" LIBSSL_SET_MUTEX_SHARED=1 >"$log" 2>&1 </dev/null ||
			failed "'make cfg' failed in $1/src"
	elif [ "$(configured "$1")" != "$($cc -dumpmachine)" ]; then
		echo "$1/src/config.mak is for $(configured "$1"), and $cc compiles for $($cc -dumpmachine):" \
			"say KAMAILIO_SRC=<a copy of the source without config.mak>" >&2
		exit 1
	fi
	echo "$1"
}

if [ -n "${KAMAILIO_SRC:-}" ]; then
	if [ ! -f "$KAMAILIO_SRC/src/core/sr_module.h" ]; then
		echo "KAMAILIO_SRC=$KAMAILIO_SRC is no Kamailio source: it has no src/core/sr_module.h" >&2
		exit 1
	fi
	finish "$(realpath "$KAMAILIO_SRC")"
	exit 0
fi

if ! installed=$(dpkg-query -W -f '${source:Package}=${source:Version}' kamailio 2>/dev/null); then
	echo "no Kamailio package is installed: 'make build-deps' installs Debian's; for another Kamailio say KAMAILIO_SRC=<its source>" >&2
	exit 1
fi
version=${installed#*=}
source=$dir/$version
if [ -f "$source/.unpacked" ]; then
	finish "$source"
	exit 0
fi

rm -rf "$source" "$dir/apt"
mkdir -p "$dir/apt/sources" "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial"

# Every entry of /etc/apt, in either format, as an entry for sources.
shopt -s nullglob
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
	[ -f "$file" ] || continue
	sed -nE 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$file" >"$dir/apt/sources/$(basename "$file" .list)-src.list"
done
for file in /etc/apt/sources.list.d/*.sources; do
	sed -E 's/^Types:.*/Types: deb-src/I' "$file" >"$dir/apt/sources/$(basename "$file")"
done

apt=(apt-get -qq
	-o "Dir::Etc::SourceList=/dev/null"
	-o "Dir::Etc::SourceParts=$dir/apt/sources"
	-o "Dir::State::Lists=$dir/apt/lists"
	-o "Dir::Cache=$dir/apt/cache"
	-o "Acquire::Languages=none")
# As root, apt would hand the download to the user _apt, who may not reach DIR.
[ "$(id -u)" -ne 0 ] || apt+=(-o "APT::Sandbox::User=root")

echo "fetching the source of kamailio $version" >&2
(
	cd "$dir/apt"
	# A repository without sources fails here without harm, as long as
	# Kamailio's is among the others.
	"${apt[@]}" update </dev/null || true
	"${apt[@]}" source --download-only "$installed" </dev/null || true
	files=(*.dsc)
	[ ${#files[@]} -gt 0 ] || exit 1
	# apt has checked each file against the signed index; the signature of
	# upstream is not looked at, and some mirrors do not have it.
	sed -i '/\.asc$/d' "${files[@]}"
	dpkg-source --no-check --no-copy -x "${files[@]}" "$source"
) >"$log" 2>&1 ||
	failed "cannot get $installed from the package sources of this machine: say KAMAILIO_SRC=<folder with the source of Kamailio $version>"
touch "$source/.unpacked"
rm -rf "$dir/apt"
finish "$source"
