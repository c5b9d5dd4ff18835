#!/usr/bin/env bash
# Holds the shim to its layers: the table under "The files of the shim" in
# docs/architecture.md, the lowest first.
#
#   check-shim.sh SOURCES OBJECTS
#
# 1. Each file stands in the table, once, and includes its own header.
# 2. It includes headers of lower layers and its own, and no other of the shim:
#    so there is no circle.
# 3. It calls functions and uses data of lower layers and its own, however they
#    were declared.
set -euo pipefail
shopt -s nullglob

sources=${1:?usage: $0 SOURCES OBJECTS}
objects=${2:?usage: $0 SOURCES OBJECTS}
failed=0

fail() {
	echo "check-shim: $*" >&2
	failed=1
}

declare -A layer
rows=0
while read -r names; do
	rows=$((rows + 1))
	for name in $names; do
		[ -z "${layer[$name]:-}" ] || fail "$name stands twice in docs/architecture.md"
		layer[$name]=$rows
	done
done < <(sed -n '/^## The files of the shim$/,/^## The way/s/^| \(`imc_[^|]*\)|.*/\1/p' docs/architecture.md | tr -d '`,')

# Reports whether $1 may know of $2.
may_know() { [ "$1" = "$2" ] || [ "${layer[$1]:-0}" -gt "${layer[$2]:-999}" ]; }

object_files=()
for file in "$sources"/*.[ch]; do
	name=${file##*/}
	name=${name%.[ch]}
	[ -n "${layer[$name]:-}" ] || fail "$file stands in no layer of docs/architecture.md"
	[ "${file%.c}" = "$file" ] || object_files+=("$objects/$name.o")
done
for name in "${!layer[@]}"; do
	[ -e "$sources/$name.c" ] || [ -e "$sources/$name.h" ] || fail "there is no $name in $sources"
done

declare -A includes
while IFS=: read -r file line; do
	header=${line#*[\"<]}
	header=${header%.h[\">]*}
	name=${file##*/}
	includes[$name,$header]=1
	may_know "${name%.[ch]}" "$header" || fail "$file includes $header.h, which is not of a lower layer"
done < <(grep -HE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]imc_' "$sources"/*.[ch])
for file in "$sources"/*.c; do
	name=${file##*/}
	name=${name%.c}
	[ ! -e "$sources/$name.h" ] || [ -n "${includes[$name.c,$name]:-}" ] || fail "$file does not include $name.h"
done

symbols=$(nm -A -g "${object_files[@]}") || fail "cannot read the objects in $objects"
declare -A owner
while read -r file _ symbol; do
	file=${file##*/}
	owner[$symbol]=${file%%.o:*}
done < <(grep -v ': *U ' <<<"$symbols")
[ ${#owner[@]} -gt 0 ] || fail "no symbols found in $objects"
while read -r file _ symbol; do
	file=${file##*/}
	name=${file%.o:}
	[ -z "${owner[$symbol]:-}" ] || may_know "$name" "${owner[$symbol]}" ||
		fail "$name.c uses $symbol of ${owner[$symbol]}, which is not of a lower layer"
done < <(grep ': *U ' <<<"$symbols")

exit $failed
