#!/usr/bin/env bash
# Compares what imc.so says of the Kamailio that it was built for, its version,
# its machine and its compile flags, with the Kamailio that is installed here.
# That one loads no module of another.
#
#   check-identity.sh IMC_SO
#
# Read from Kamailio's own tm.so. An error, unless KAMAILIO_SRC named the
# Kamailio: that need not be the one that is installed, and it is a warning.
set -euo pipefail

ours=${1:?usage: $0 IMC_SO}

# The two strings that Kamailio's loader compares with its own.
identity() { strings -a "$1" | grep -E '^(kamailio [0-9]|([A-Z]+: Off, )?USE_[A-Z]+, )' | sort -u; }

command -v kamailio >/dev/null || exit 0
folders=$(kamailio -h 2>&1 | sed -nE 's/.*Modules search path \(default: (.*)\)$/\1/p')
for folder in ${folders//:/ }; do
	if [ -f "$folder/tm.so" ]; then
		installed=$folder/tm.so
		break
	fi
done
[ -n "${installed:-}" ] || exit 0

want=$(identity "$installed") || {
	echo "no version found in $installed" >&2
	exit 1
}
have=$(identity "$ours") || {
	echo "no version found in $ours" >&2
	exit 1
}
[ "$want" != "$have" ] || exit 0

{
	echo "$ours is for another Kamailio than the one that is installed here, which will refuse it:"
	diff <(tr ' ' '\n' <<<"$want") <(tr ' ' '\n' <<<"$have") |
		sed -nE "s/^< (.*)/  only the installed one: \1/p; s/^> (.*)/  only $(basename "$ours"): \1/p" || true
} >&2
if [ -n "${KAMAILIO_SRC:-}" ]; then
	echo "That is well if $KAMAILIO_SRC is the source of the Kamailio that you build for." >&2
	exit 0
fi
echo "Say KAMAILIO_SRC=<source of the installed Kamailio, configured as it was>." >&2
exit 1
