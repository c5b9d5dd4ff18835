# kamailio-imc: `make help` lists the targets.
#
# Variables:
#   KAMAILIO_SRC  Kamailio's source, for its headers. Default: the Debian
#                 source package of the installed version, fetched with apt.
#   MODULEDIR     where `make install` puts the two libraries
#   PREFIX        /usr/local, part of the default MODULEDIR
#   DESTDIR       put before all paths by `make install`
#   HOST, PORT    `make run`: the address to listen on (127.0.0.1, 5060)
#   FUZZTIME      `make test`: how long each fuzz target runs (3s)
#   SOAKTIME      `make soak`: how long the mixed traffic lasts (1h)
#   BENCHFLAGS    `make bench`: go run ./tests/bench -h lists them

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules

export KAMAILIO_SRC

GOLANGCI_LINT_VERSION := v2.15.0

B := build
PREFIX ?= /usr/local
MODULEDIR ?= $(PREFIX)/lib/$(shell gcc -print-multiarch)/kamailio/modules
HOST ?= 127.0.0.1
PORT ?= 5060
FUZZTIME ?= 3s
SOAKTIME ?= 1h

# -buildvcs=false: a clone that belongs to another user (sudo make) builds too.
GO_LIBRARY := go build -trimpath -buildvcs=false -buildmode=c-shared

.PHONY: all deps tools build debug check demo run test bench soak lint fmt install clean help

all: build

## deps: install what build, tests and lint need (Debian packages; root or sudo)
deps:
	@scripts/deps.sh all
	go mod download

## build: build/modules/imc.so and build/modules/imc_engine.so (the default)
build: tools $(B)/kamailio-source
	@$(MAKE) --no-print-directory -f mk/shim.mk \
		KAMAILIO_SRC="$$(cat $(B)/kamailio-source)" OUT=$(B)/modules/imc.so OBJ=$(B)/obj
	@mkdir -p $(B)/modules
	$(GO_LIBRARY) -ldflags '-s -w' -o $(B)/modules/imc_engine.so ./cgo
	@rm -f $(B)/modules/imc_engine.h

# What the build needs; with KAMAILIO_SRC nothing is installed.
tools:
	@[ -n "$(KAMAILIO_SRC)" ] || scripts/deps.sh build

# The same, with the triggers that only tests use (a panic on demand).
debug: build
	@mkdir -p $(B)/debug
	@cp -p $(B)/modules/imc.so $(B)/debug/imc.so
	$(GO_LIBRARY) -tags imcdebug -o $(B)/debug/imc_engine.so ./cgo
	@rm -f $(B)/debug/imc_engine.h

# The path of Kamailio's source, with its config.mak made.
$(B)/kamailio-source: tools FORCE
	@mkdir -p $(B)
	@scripts/kamailio-source.sh $(B)/kamailio > $@.new
	@mv $@.new $@

# The two libraries are what the boundary, and Kamailio, ask for.
check: build
	@scripts/check-modules.sh $(B)/modules

## demo: three users talk in a room of a real Kamailio; shows what each sees
demo: build
	@go run ./tests/demo -modules $(B)/modules

## run: a Kamailio with chat rooms in the foreground, for your SIP client
run: build
	@scripts/run.sh $(B)/modules $(HOST) $(PORT)

## test: checks, unit tests, -race, short fuzzing, and end to end on Kamailio
test: deps debug check
	@scripts/test.sh $(FUZZTIME)

## bench: compare with the stock module, into docs/benchmarks.md (long)
bench: deps build
	go run ./tests/bench $(if $(wildcard docs/benchmarks.md),-docs docs/benchmarks.md) $(BENCHFLAGS)

## soak: durability and two nodes in full, then SOAKTIME of mixed traffic
soak: deps build
	IMC_SOAK=1 go test -count=1 -timeout 4h -run Soak -v ./tests/database
	go run ./tests/soak -duration $(SOAKTIME)

## lint: golangci-lint, clang-format, shellcheck, go vet, gofmt
lint: check $(B)/bin/golangci-lint-$(GOLANGCI_LINT_VERSION)
	@scripts/lint.sh
	$(B)/bin/golangci-lint-$(GOLANGCI_LINT_VERSION) run ./...

$(B)/bin/golangci-lint-$(GOLANGCI_LINT_VERSION):
	@mkdir -p $(@D)
	GOBIN=$(abspath $(@D)) GOFLAGS= go install \
		github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	@mv $(@D)/golangci-lint $@

## fmt: format Go and C
fmt:
	gofmt -l -w cgo engine module tests
	clang-format -i kamailio-shim/*.[ch]

## install: copy what make built (MODULEDIR, PREFIX, DESTDIR are honoured)
install:
	@scripts/check-install.sh $(B)/modules "$(DESTDIR)$(MODULEDIR)"
	install -d $(DESTDIR)$(MODULEDIR)
	install -m 644 $(B)/modules/imc.so $(B)/modules/imc_engine.so $(DESTDIR)$(MODULEDIR)
	install -d $(DESTDIR)$(PREFIX)/share/kamailio-imc
	install -m 644 sql/*.sql $(DESTDIR)$(PREFIX)/share/kamailio-imc
	@echo
	@echo "In kamailio.cfg, before the first loadmodule:"
	@echo '  mpath="$(MODULEDIR)/:/usr/lib/$(shell gcc -print-multiarch)/kamailio/modules/"'

## clean: remove build/
clean:
	rm -rf $(B)

## help: this list
help:
	@sed -nE 's/^## ([a-z]+): (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 10

FORCE:
.PHONY: FORCE
