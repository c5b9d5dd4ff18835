#!/usr/bin/env bash
# The checks that need no time: formats, go vet, shell scripts.
set -euo pipefail
shopt -s nullglob

failed=0

unformatted=$(gofmt -l cgo engine module tests)
if [ -n "$unformatted" ]; then
	echo "not formatted (make fmt): $unformatted" >&2
	failed=1
fi

# The code has a form on which the versions of Debian 12 (14) and 13 (19) agree;
# on 12, clang-format-19 can be installed beside 14.
for format in clang-format clang-format-19; do
	if [ $format = clang-format ] || command -v $format >/dev/null; then
		$format --dry-run -Werror kamailio-shim/*.[ch] || failed=1
	fi
done
go vet ./... || failed=1
go vet -tags imcdebug ./cgo ./module ./engine || failed=1
shellcheck scripts/*.sh .ci/run || failed=1

exit $failed
