#!/usr/bin/env bash
# Says no to an installation that cannot be or that would harm.
#
#   check-install.sh FROM TO
set -euo pipefail

from=${1:?usage: $0 FROM TO}
to=${2:?usage: $0 FROM TO}

if [ ! -f "$from/imc.so" ] || [ ! -f "$from/imc_engine.so" ]; then
	echo "nothing to install in $from: run make first (as yourself, sudo has no Go)" >&2
	exit 1
fi

# A package's own imc.so would come back at its next upgrade, without a word.
if owner=$(dpkg -S "$to/imc.so" 2>/dev/null); then
	echo "$to/imc.so belongs to the package ${owner%%:*}, which would put it back at its next upgrade." >&2
	echo "Leave it there: install elsewhere and name that folder first in mpath (make install does, without MODULEDIR)." >&2
	exit 1
fi
