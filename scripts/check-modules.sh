#!/usr/bin/env bash
# Checks the two built libraries against what is promised of them.
#
#   check-modules.sh DIR
#
# 1. imc_engine.so exports the functions that the boundary header lists, no
#    others, and at most ten.
# 2. imc.so exports what Kamailio looks up in a module, and nothing else.
# 3. imc.so is not linked with imc_engine.so: nothing of Go runs before fork.
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

looked_up='exports mod_register module_flags module_interface_ver module_version'
exported=$(nm -D --defined-only "$dir/imc.so" | awk '{print $3}' | LC_ALL=C sort | xargs)
[ "$exported" = "$looked_up" ] || fail "exports of imc.so: $exported; Kamailio looks up: $looked_up"

if readelf -d "$dir/imc.so" | grep -q 'NEEDED.*imc_engine'; then
	fail "imc.so is linked with imc_engine.so"
fi

exit $failed
