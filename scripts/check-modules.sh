#!/usr/bin/env bash
# Checks the two built libraries against what is promised of them.
#
#   check-modules.sh DIR
#
# 1. imc_engine.so exports the functions that the boundary header lists, no
#    others, and at most ten.
# 2. imc.so is not linked with imc_engine.so: nothing of Go runs before fork.
# 3. imc.so carries the version and the compile flags of the installed
#    Kamailio, read from Debian's own imc.so, where there is one.
set -euo pipefail

dir=${1:?usage: $0 DIR}
header=kamailio-shim/imc_engine.h
failed=0

fail() {
	echo "check-modules: $*" >&2
	failed=1
}

listed=$(sed -nE '/^typedef struct imc_engine$/,/^\}/s/^[[:space:]]+imc_engine_[a-z]+_f ([a-z]+);/imc_engine_\1/p' "$header" | sort)
exported=$(nm -D --defined-only "$dir/imc_engine.so" | awk '$3 ~ /^imc_engine_/ {print $3}' | sort)
[ -n "$listed" ] || fail "no functions found in $header"
if [ "$listed" != "$exported" ]; then
	fail "exports of imc_engine.so (>) differ from $header (<):"
	diff <(echo "$listed") <(echo "$exported") >&2 || true
fi
[ "$(wc -l <<<"$exported")" -le 10 ] || fail "more than ten exports"

if readelf -d "$dir/imc.so" | grep -q 'NEEDED.*imc_engine'; then
	fail "imc.so is linked with imc_engine.so"
fi

# The strings that Kamailio's loader compares with its own.
identity() { strings -a "$1" | grep -E '^(kamailio [0-9]|USE_[A-Z]+, )' | sort -u; }
stock=/usr/lib/$(gcc -print-multiarch)/kamailio/modules/imc.so
if [ -z "${KAMAILIO_SRC:-}" ] && [ -f "$stock" ]; then
	[ -n "$(identity "$stock")" ] || fail "no version found in $stock"
	if [ "$(identity "$stock")" != "$(identity "$dir/imc.so")" ]; then
		fail "imc.so was built for another Kamailio (>) than the installed one (<):"
		diff <(identity "$stock") <(identity "$dir/imc.so") >&2 || true
	fi
fi

exit $failed
