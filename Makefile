# The commands of README.md. Each installs what it lacks.

PURL ?=
ARGS ?=

.PHONY: help run dev test bench lint fuzz schema
.DEFAULT_GOAL := help

help: ## Says what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 14

run: ## Analyses a package: make run PURL=pkg:pypi/requests@2.28.1 [ARGS="--format json"]
	@if [ -z "$(PURL)" ]; then echo 'usage: make run PURL=pkg:pypi/requests@2.28.1' >&2; exit 2; fi
	@tools/setup
	@cargo build --release --package packguard-platform
	@cargo run --quiet --release --package packguard-platform -- scan $(ARGS) '$(PURL)'

dev: ## Builds for development: target/debug/packguard
	@tools/setup
	cargo build --workspace

test: ## Runs all tests
	@tools/setup
	cargo test --workspace

lint: ## Format, clippy, docs, licences
	@tools/setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --quiet
	tools/deny

fuzz: ## Fuzzes each target for SECONDS_EACH (default 20)
	@tools/setup
	tools/fuzz

bench: ## Prints the benchmarks: make bench [CORPUS=folder-of-archives | LIST=tools/bench-popular.txt]
	@tools/setup
	tools/bench

schema: ## Writes the report's JSON schema anew
	UPDATE_SCHEMA=1 cargo test --quiet --package packguard-platform schema
