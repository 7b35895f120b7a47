# The commands of README.md. Each installs what it lacks.

PURL ?=
ARGS ?=

.PHONY: help run dev test crash bench eval lint fuzz schema queries contract monitoring manifests image drill
.DEFAULT_GOAL := help

help: ## Says what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 14

run: ## Analyses a package: make run PURL=pkg:pypi/requests@2.28.1 [ARGS="--format json"]
	@if [ -z "$(PURL)" ]; then echo 'usage: make run PURL=pkg:pypi/requests@2.28.1' >&2; exit 2; fi
	@tools/setup
	@cargo build --release --package packguard-platform
	@cargo run --quiet --release --package packguard-platform -- scan $(ARGS) '$(PURL)'

dev: ## Runs the whole platform here, with a Postgres and a Redis of its own in .packguard/
	@tools/setup servers
	@cargo build --quiet --release --package packguard-platform
	@target=$$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'); \
	    exec "$$target/release/packguard" dev $(ARGS)

test: ## Runs all tests
	@tools/setup servers tests
	cargo test --workspace

crash: ## Runs the crash tests: make crash [CRASH_SEEDS=10 | CRASH_SEED=7]
	@tools/setup servers tests
	@# They wait more than they work: six at a time, whatever the number of cores.
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-6} cargo test --workspace --test crash

contract: ## Lets schemathesis loose on the API
	@tools/setup servers
	cargo build --workspace
	tools/schemathesis

monitoring: ## Checks alerts, routes, dashboards and runbook; then a real Prometheus scrapes a real platform
	@tools/monitoring
	@tools/setup servers
	@[ -n "$$PACKGUARD_BINARY" ] || cargo build --workspace --bin packguard
	@tools/monitoring-e2e

drill: ## Kills, drains, rolls, flushes and restores a platform on this machine, and looks every task up
	@tools/setup servers drill
	@cargo build --quiet --workspace --bin packguard
	@target=$$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'); \
	    tools/drill "$$target/debug/packguard"

lint: ## Format, clippy, docs, licences
	@tools/setup servers
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --quiet
	tools/queries --check
	tools/deny

fuzz: ## Fuzzes each target for SECONDS_EACH (default 20)
	@tools/setup
	tools/fuzz

bench: ## Prints the benchmarks: make bench [CORPUS=folder-of-archives | LIST=tools/bench-popular.txt]
	@tools/setup servers
	tools/bench

eval: ## Prints how well packages are told apart, GuardDog beside: writes corpus/EVALUATION.md
	@tools/setup
	tools/eval

schema: ## Writes the report's JSON schema anew
	UPDATE_SCHEMA=1 cargo test --quiet --package packguard-platform schema

queries: ## Writes .sqlx/ anew, which the build checks all SQL against
	@tools/setup servers
	tools/queries

manifests: ## Renders and validates deploy/: Kubernetes, Dockerfile, Terraform, workflows
	tools/manifests

image: ## Builds the image with buildah and tries it with podman: make image PREBUILT=FILE
	tools/image $(PREBUILT)
