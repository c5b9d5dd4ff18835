#!/usr/bin/env bash
# Runs all tests; make test has built the modules before.
#
#   test.sh FUZZCOUNT
#
# In this order, the quick ones first: the engine without cgo; engine and module
# under the race detector; every fuzz target FUZZCOUNT times; then the boundary,
# with the triggers of test builds (imcdebug), and everything that runs on a
# real Kamailio; the table of faults at last, since it bounds how long answers
# take. Formats and style are make lint's.
set -euo pipefail

fuzzcount=${1:?usage: $0 FUZZCOUNT}

step() { echo "== $*"; }

step "engine without cgo"
CGO_ENABLED=0 go test -count=1 ./engine/...

step "engine and module under the race detector"
go test -count=1 -race ./engine/... ./module/...

# By count: before Go 1.27 a run that ends by time may fail with "context deadline
# exceeded" on a busy machine, https://go.dev/issue/75804.
step "fuzz targets, $fuzzcount runs each"
for folder in engine module cgo; do
	grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' "$folder" || true
done | while IFS=: read -r file func; do
	target=${func#func }
	count=$fuzzcount
	if [ "$target" = FuzzConversation ]; then # each run is some hundred requests
		count=$((fuzzcount / 100))
	fi
	go test -run='^$' -fuzz="^$target\$" -fuzztime="${count}x" "./$(dirname "$file")" </dev/null
done

step "the boundary, and end to end"
go test -count=1 -tags imcdebug ./cgo/...
go list ./tests/... | grep -v /tests/faults | xargs go test -count=1

step "faults"
go test -count=1 ./tests/faults
