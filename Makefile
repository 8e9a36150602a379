# SPDX-License-Identifier: Apache-2.0
#
# Shorthands; nothing is needed that `swift build` and `swift test` do not do by themselves.

.DEFAULT_GOAL := help
CLANG := $(shell dirname "$$(command -v swift)")/clang

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.PHONY: build
build: ## Build the command, optimised
	swift build -c release --product heapline

.PHONY: test
test: ## Run all tests
	swift test

SANITIZE = HEAPLINE_SANITIZE=1 swift test --disable-xctest --scratch-path .build/sanitize-$(1)

.PHONY: sanitize
sanitize: ## Run the emulated heap's tests under the address, undefined-behaviour and thread sanitizers
	$(call SANITIZE,address) --sanitize=address
	# Swift knows no such sanitizer here: C alone, where it traps. Functions that Swift passes have no type to check.
	$(call SANITIZE,undefined) $(addprefix -Xcc ,-fsanitize=undefined -fsanitize-trap=all -fno-sanitize=function)
	$(call SANITIZE,thread) --sanitize=thread

OPERATIONS ?= 10000000
.PHONY: property
property: ## Ten million random operations on emulated heaps, every invariant after each; OPERATIONS=N: fewer
	HEAPLINE_TEST_OPERATIONS=$(OPERATIONS) swift test --filter PropertyTests

.PHONY: packages
packages: ## Build and run the two programs that use this package as users do, from C and from Swift
	swift run --package-path Tests/Packages/CSession --scratch-path .build/packages CSession
	swift run --package-path Tests/Packages/SwiftSession --scratch-path .build/packages SwiftSession

BENCH_RESULT = Perf/results/$(shell date +%F)-bench.md

.PHONY: bench
bench: ## Micro-benchmarks, in process; FILTER=REGEX for some, else the tables go to Perf/results
	swift package --package-path Benchmarks benchmark --grouping metric --format markdown --time-units nanoseconds --no-progress \
	    $(if $(FILTER),--filter '$(FILTER)',| sed 's/HeaplineBenchmarks://' | tee $(BENCH_RESULT))

.PHONY: figures
figures: ## The emulated heap against its budgets: pairs, regions, chips, tracing, to a host; ROUNDS=N: more exactly
	swift run -c release --package-path Benchmarks HeapFigures $(ROUNDS)
	for kind in svdat heapline; do echo "to a host, as .$$kind:"; \
	    swift run -c release heapline esp run --chip esp32s3 --trace .build/to_host.$$kind Benchmarks/Firmware/to_host.c; done

PERF = swift build -c release --product heapline && swift run --package-path Perf -c release HeaplinePerf

.PHONY: perf
perf: ## Whole programs under every mode and every peer; QUICK=1: within five minutes, MINUTES=N: within N
	$(PERF) costs $(if $(QUICK),--quick) $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: readme
readme: ## Put the newest results of perf into README.md
	swift build -c release --product heapline && swift run --package-path Perf HeaplinePerf readme

.PHONY: scale
scale: ## Cost as work grows: events, threads, live blocks, depth, stacks; QUICK=1: within three minutes
	$(PERF) scale $(if $(QUICK),--quick) $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: stacks
stacks: ## Call stacks: depth 0 and 32 beside heaptrack, threads, other unwinders, instructions; within four minutes
	$(PERF) stacks $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: reports
reports: ## Reading a trace of 100 million events with a million blocks alive, beside heaptrack_print; QUICK=1: a tenth of it
	$(PERF) reports $(if $(QUICK),--quick)

.PHONY: gates
gates: ## Check the hot path's instructions against Perf/*.golden
	swift build -c release --product heapline && swift run --package-path Perf HeaplinePerf check

.PHONY: golden
golden: ## Write Perf/*.golden anew: the hot path's instructions as they are now
	swift build -c release --product heapline && swift run --package-path Perf HeaplinePerf golden

.PHONY: format
format: ## Format all Swift sources
	swift format --in-place --recursive Sources Tests Plugins Package.swift

.PHONY: lint
lint: ## Check the format without changing it
	swift format lint --strict --recursive Sources Tests Plugins Package.swift

.PHONY: docs
docs: ## Build the documentation with the toolchain's docc, into .build/docs; a broken link is an error
	swift build --target Heapline
	mkdir -p .build/docs/graph
	$(dir $(CLANG))swift-symbolgraph-extract -module-name Heapline -target "$$(uname -m)-unknown-linux-gnu" \
	    -I "$$(swift build --show-bin-path)/Modules" $(addprefix -I ,$(wildcard Sources/C*/include)) \
	    -minimum-access-level public -skip-synthesized-members -output-dir .build/docs/graph
	$(dir $(CLANG))docc convert Sources/Heapline/Heapline.docc --additional-symbol-graph-dir .build/docs/graph \
	    --fallback-display-name Heapline --fallback-bundle-identifier heapline --warnings-as-errors \
	    --output-path .build/docs/Heapline.doccarchive
	@echo 'to read it: python3 -m http.server -d .build/docs/Heapline.doccarchive, then /documentation/heapline'
