# Every target does its own set-up first; `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup build lab test bench chaos conformance fuzz lint install clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## etcd, kube-apiserver, kubectl and the aws CLI, in the cache (lab and test do it by themselves)
	@bash scripts/setup.sh

build: ## the release binary, target/release/doorward
	@bash scripts/setup.sh compiler
	cargo build --locked --release -p doorward-cli

lab: ## start the lab, play the whole walkthrough on a real kube-apiserver, stop the lab
	@bash scripts/lab.sh

test: ## every suite, end to end on a real kube-apiserver included
	@bash scripts/test.sh

bench: ## side by side with nginx, fsync and the aws CLI (BENCH_SECONDS=1 a round, BENCH_ENTRIES=1000000)
	@bash scripts/bench.sh

chaos: ## every bad day on real processes under load, in under ten minutes (CHAOS_ONLY=member, CHAOS_SECONDS=4 a fault)
	@bash scripts/chaos.sh

fuzz: ## look for inputs that break a property (FUZZ_SECONDS=20 a target; coverage-guided where cargo-fuzz is there)
	@bash scripts/fuzz.sh

conformance: ## boto3, the aws CLI, the Rust SDKs, Terraform and moto's tests against a server, and a table of it
	@bash scripts/conformance.sh

lint: ## formatting, clippy, documentation, purity of core, licences
	@bash scripts/lint.sh

install: ## install doorward into cargo's bin folder
	@bash scripts/setup.sh compiler
	cargo install --locked --path crates/cli

clean: ## remove what was built (the cache with kube-apiserver stays)
	cargo clean
