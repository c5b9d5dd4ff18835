#!/usr/bin/env bash
# What the project needs, from Debian's own repositories.
#
#   deps.sh check build|all     says what is missing and how to get it
#   deps.sh install build|all   installs it (make build-deps, make deps)
#
# build is what builds and runs the module; all is the same, and what make test
# and make lint need.
#
# Does nothing, and asks for no rights, when all of it is there. install needs
# root or sudo otherwise. No service is started by it: while apt runs, a
# policy-rc.d says no to every start, unless the machine has one of its own.
set -euo pipefail

run=(kamailio) # with KAMAILIO_SRC that Kamailio takes its place
build=(gcc libc6-dev make binutils dpkg-dev ca-certificates)
test=(
	kamailio-lua-modules       # KEMI from a script
	kamailio-mysql-modules     # the stock module, beside which ours is tested
	kamailio-tls-modules       # members over TLS ...
	kamailio-websocket-modules # ... and WebSocket
	kamailio-secsipid-modules  # another library in Go in the same processes
	mariadb-server
	postgresql
	clang-format
	shellcheck
)

case "$*" in
	"check build" | "install build") want=("${run[@]}" "${build[@]}") ;;
	"check all" | "install all") want=("${run[@]}" "${build[@]}" "${test[@]}") ;;
	*)
		echo "usage: $0 check|install build|all" >&2
		exit 2
		;;
esac

if ! command -v go >/dev/null; then
	echo "Go is missing: the version that go.mod names, or a later one, has to be in PATH (https://go.dev/dl)" >&2
	exit 1
fi
if [ "$1" = check ] && { [ -n "${KAMAILIO_SRC:-}" ] || ! command -v dpkg-query >/dev/null; }; then
	# No packages to ask for: the compiler has to be there, by any way.
	if ! ${CC:-gcc} --version >/dev/null 2>&1; then
		echo "there is no C compiler: ${CC:-gcc}" >&2
		exit 1
	fi
	exit 0
fi
if ! command -v apt-get >/dev/null; then
	echo "no apt-get here; install yourself: ${want[*]}" >&2
	exit 1
fi

missing=()
for package in "${want[@]}"; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$1" = check ]; then
	echo "these packages are missing: ${missing[*]}" >&2
	if [ "$2" = build ]; then
		echo "'make build-deps' installs them, 'make deps' also what the tests need (as root or with sudo)" >&2
	else
		echo "'make deps' installs them (as root or with sudo)" >&2
	fi
	exit 1
fi

root=()
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "these packages are missing, and there is neither root nor sudo to install them: ${missing[*]}" >&2
		exit 1
	fi
	root=(sudo)
fi

echo "installing: ${missing[*]}"

policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap '"${root[@]}" rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
	"${root[@]}" chmod 755 $policy
	echo "no service is started now; those of new packages (kamailio, mariadb, postgresql) start at the next boot: systemctl disable them if that is not wanted"
fi

"${root[@]}" apt-get update -q </dev/null
"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
	apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null
