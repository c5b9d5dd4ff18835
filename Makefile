# kamailio-imc: `make help` lists the targets.
#
# Variables:
#   KAMAILIO_SRC  Kamailio's source, for its headers. Default: the Debian
#                 source package of the installed version, fetched with apt.
#   CC            the compiler, also one for another machine (GOARCH follows)
#   CFLAGS, CPPFLAGS, LDFLAGS   added to what makes imc.so
#   MODULEDIR     where `make install` puts the two libraries
#   PREFIX        /usr/local, part of the default MODULEDIR
#   DESTDIR       put before all paths by `make install`
#   HOST, PORT    `make run`: the address to listen on (127.0.0.1, 5060)
#   FUZZCOUNT     `make test`: how often each fuzz target runs (20000)
#   SOAKTIME      `make soak`: how long the mixed traffic lasts (1h)
#   BENCHFLAGS    `make bench`: go run ./tests/bench -h lists them

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules

GOLANGCI_LINT_VERSION := v2.15.0

VERSION := $(shell cat VERSION)

# The machine that is compiled for is the compiler's; Go has its own names.
# Libraries for another machine than this get a folder of their own.
ifneq ($(filter default undefined,$(origin CC)),)
CC := gcc
endif
TARGET := $(shell $(CC) -print-multiarch 2>/dev/null || $(CC) -dumpmachine 2>/dev/null)
THIS := $(shell gcc -print-multiarch 2>/dev/null || cc -dumpmachine 2>/dev/null)
CROSS := $(if $(THIS),$(filter-out $(THIS),$(TARGET)))
ifneq ($(CROSS),)
GOARCH_aarch64 := arm64
GOARCH_arm := arm
GOARCH_i386 := 386
GOARCH_powerpc64le := ppc64le
GOARCH_riscv64 := riscv64
GOARCH_x86_64 := amd64
GOARCH ?= $(GOARCH_$(firstword $(subst -, ,$(TARGET))))
export GOOS := linux
export GOARCH
endif

B := build
O := $(B)$(CROSS:%=/%)
OUT := $(O)/modules

PREFIX ?= /usr/local
MODULEDIR ?= $(PREFIX)/lib/$(TARGET)/kamailio/modules
HOST ?= 127.0.0.1
PORT ?= 5060
FUZZCOUNT ?= 20000
SOAKTIME ?= 1h

export KAMAILIO_SRC CC

# -buildvcs=false: a clone that belongs to another user (sudo make) builds too.
# -buildid=: Go's own depends on the folder in which a library is built.
GO_LIBRARY := CGO_ENABLED=1 go build -trimpath -buildvcs=false -buildmode=c-shared
STAMP = -buildid= -X kamailio-imc/module.version=$(VERSION)
SHIM = $(MAKE) --no-print-directory -f mk/shim.mk \
	KAMAILIO_SRC="$$(cat $(O)/kamailio-source)" IMC_VERSION=$(VERSION) CC='$(CC)' \
	CPPFLAGS='$(CPPFLAGS)' LDFLAGS='$(LDFLAGS)'

.PHONY: all deps build-deps tools build debug strict reproducible check demo run test bench \
	soak lint lint-tools fmt install uninstall clean help

all: build

## deps: install what build, tests and lint need (Debian packages; root or sudo)
deps:
	@scripts/deps.sh install all
	go mod download

## build-deps: the same, but only what building and running need
build-deps:
	@scripts/deps.sh install build

## build: build/modules/imc.so and build/modules/imc_engine.so (the default)
build: tools $(O)/kamailio-source
	@$(SHIM) OUT=$(OUT)/imc.so OBJ=$(O)/obj CFLAGS='$(CFLAGS)'
	$(GO_LIBRARY) -ldflags '-s -w $(STAMP)' -o $(OUT)/imc_engine.so ./cgo
	@rm -f $(OUT)/imc_engine.h
	@$(if $(CROSS),,scripts/check-identity.sh $(OUT)/imc.so)

# Says what is missing; installs nothing.
tools:
	@scripts/deps.sh check build

# The same, with the triggers that only tests use (a panic on demand).
debug: build
	@mkdir -p $(B)/debug
	@cp -p $(OUT)/imc.so $(B)/debug/imc.so
	$(GO_LIBRARY) -ldflags '$(STAMP)' -tags imcdebug -o $(B)/debug/imc_engine.so ./cgo
	@rm -f $(B)/debug/imc_engine.h

# The path of Kamailio's source, with the config.mak of this compiler.
$(O)/kamailio-source: tools FORCE
	@mkdir -p $(O)
	@scripts/kamailio-source.sh $(O)/kamailio > $@.new
	@mv $@.new $@

# No warning in the shim, nor in a header by itself: for our checks, not for an
# operator's compiler.
strict: build
	@$(SHIM) OUT=$(O)/strict/imc.so OBJ=$(O)/strict CFLAGS='$(CFLAGS) -Werror' $(O)/strict/imc.so headers

# The same sources in another folder give the same libraries.
reproducible: build
	@scripts/check-reproducible.sh $(OUT)

# The two libraries are what the boundary, and Kamailio, ask for, and the shim
# keeps to its layers.
check: build strict
	@scripts/check-modules.sh $(OUT)
	@scripts/check-shim.sh kamailio-shim $(O)/obj

## demo: three users talk in a room of a real Kamailio; shows what each sees
demo: build-deps build
	@go run ./tests/demo -modules $(OUT)

## run: a Kamailio with chat rooms in the foreground, for your SIP client
run: build-deps build
	@scripts/run.sh $(OUT) $(HOST) $(PORT)

## test: checks, unit tests, -race, short fuzzing, and end to end on Kamailio
test: deps debug check reproducible
	@scripts/test.sh $(FUZZCOUNT)

## bench: compare with the stock module, into docs/benchmarks.md (long)
bench: deps build
	go run ./tests/bench $(if $(wildcard docs/benchmarks.md),-docs docs/benchmarks.md) $(BENCHFLAGS)

## soak: durability and two nodes in full, then SOAKTIME of mixed traffic
soak: deps build
	IMC_SOAK=1 go test -count=1 -timeout 4h -run Soak -v ./tests/database
	go run ./tests/soak -duration $(SOAKTIME)

## lint: golangci-lint, clang-format, shellcheck, go vet, gofmt
lint: lint-tools check $(B)/bin/golangci-lint-$(GOLANGCI_LINT_VERSION)
	@scripts/lint.sh
	$(B)/bin/golangci-lint-$(GOLANGCI_LINT_VERSION) run ./...

lint-tools:
	@scripts/deps.sh check all

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
	@scripts/check-install.sh $(OUT) "$(DESTDIR)$(MODULEDIR)"
	install -d "$(DESTDIR)$(MODULEDIR)"
	install -m 644 $(OUT)/imc.so $(OUT)/imc_engine.so "$(DESTDIR)$(MODULEDIR)"
	install -d "$(DESTDIR)$(PREFIX)/share/kamailio-imc"
	install -m 644 sql/*.sql "$(DESTDIR)$(PREFIX)/share/kamailio-imc"
	@echo
	@echo "In kamailio.cfg, before the first loadmodule:"
	@echo '  mpath="$(MODULEDIR)/:/usr/lib/$(TARGET)/kamailio/modules/"'

## uninstall: remove what make install put there, with the same variables
uninstall:
	rm -f "$(DESTDIR)$(MODULEDIR)"/{imc,imc_engine}.so
	rm -f $(patsubst %,"$(DESTDIR)$(PREFIX)/share/kamailio-imc/%",$(notdir $(wildcard sql/*.sql)))
	@rmdir -p --ignore-fail-on-non-empty "$(DESTDIR)$(MODULEDIR)" \
		"$(DESTDIR)$(PREFIX)/share/kamailio-imc" 2>/dev/null || true

## clean: remove build/
clean:
	rm -rf $(B)

## help: this list
help:
	@sed -nE 's/^## ([a-z-]+): (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

FORCE:
.PHONY: FORCE
