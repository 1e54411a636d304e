# The commands of this repository; README.md says when to use which.
CARGO ?= cargo
export CARGO_TERM_PROGRESS_WHEN ?= auto

.PHONY: demo test bench prove sabotage grants sqlx schema deny
.DEFAULT_GOAL := help

help:
	@sed -n 's/^## //p' Makefile

## make demo [ONCE=1] [DEMO="--seed 2 …"]   the main job on a private PostgreSQL; ONCE=1 prints, checks and stops
demo:
	scripts/setup.sh demo
	SQLX_OFFLINE=true $(CARGO) build --locked --package wardlog
	target/debug/wardlog demo $(if $(ONCE),--once) $(DEMO)

## make test        everything to pass the tests
test:
	scripts/setup.sh test
	scripts/test.sh

## make bench       benchmarks on the release build; writes target/bench.json
bench:
	scripts/setup.sh build
	SQLX_OFFLINE=true $(CARGO) build --locked --release --package wardlog --package database --bins
	SQLX_OFFLINE=true target/release/with-postgres $(CARGO) bench --locked --package wardlog --bench wardlog -- $(BENCH)

## make prove       the long forms; keeps the dated result in proofs/
prove:
	scripts/setup.sh test
	scripts/prove.sh

## make sabotage    takes every guard out, one at a time, and expects a test to fail
sabotage:
	scripts/setup.sh build
	SQLX_OFFLINE=true $(CARGO) build --locked --package database --bins
	target/debug/with-postgres scripts/sabotage.sh $(ONLY)

## make grants      takes every grant of the database away, one at a time, and expects a test to fail
grants:
	scripts/setup.sh build
	SQLX_OFFLINE=true $(CARGO) build --locked --package database --bins
	target/debug/with-postgres scripts/grants.sh $(ONLY)

## make sqlx        renews .sqlx, what the compiler knows of the database
sqlx:
	scripts/setup.sh build
	SQLX_OFFLINE=true $(CARGO) build --package database --bins
	target/debug/with-postgres scripts/sqlx.sh

## make schema      renews schema/graphql and schema/openapi
schema:
	SQLX_OFFLINE=true $(CARGO) run --package wardlog -- schema

## make deny        bans, licences and sources of dependencies
deny:
	scripts/deny.sh
