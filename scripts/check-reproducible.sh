#!/usr/bin/env bash
# Builds the two libraries once more, from copies of the sources and of
# Kamailio's in another folder, and compares them byte by byte.
#
#   check-reproducible.sh DIR
#
# DIR has the libraries to compare with.
set -euo pipefail

built=$(realpath "${1:?usage: $0 DIR}")
kamailio=$(cat build/kamailio-source)

copy=$(mktemp -d "${TMPDIR:-/tmp}/kamailio-imc-copy.XXXXXX")
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/a-name-of-another-length" "$copy/kamailio"
cp -a Makefile VERSION go.mod go.sum mk scripts cgo engine module kamailio-shim sql "$copy/a-name-of-another-length"
# what a module needs of Kamailio: its headers and config.mak
(cd "$kamailio" && find src -name '*.h' -o -name config.mak -o -path src/config.h) |
	tar -C "$kamailio" -cf - -T - | tar -C "$copy/kamailio" -xf -

make -s -C "$copy/a-name-of-another-length" build "KAMAILIO_SRC=$copy/kamailio" >"$copy/log" 2>&1 || {
	cat "$copy/log" >&2
	exit 1
}
for library in imc.so imc_engine.so; do
	cmp "$built/$library" "$copy/a-name-of-another-length/build/modules/$library" || {
		echo "check-reproducible: $library depends on the folder in which it is built" >&2
		failed=1
	}
done
exit "${failed:-0}"
