# Targets of the sandbox and of the checks. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help up down preview test e2e bench fmt generate verify setup status clean

STACK ?= sandbox
ENV := source sandbox/env.sh

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: setup ## create a cluster in the sandbox: OpenStack on this machine, then `pulumi up`
	@sandbox/sandbox start
	@$(ENV); scripts/stack.sh up $(STACK)

preview: ## show what `make up` would change
	@$(ENV); scripts/stack.sh preview $(STACK)

down: ## destroy the cluster and stop the sandbox
	@$(ENV); scripts/stack.sh down $(STACK)
	@sandbox/sandbox stop

status: ## show the sandbox's services and servers
	@sandbox/sandbox status

test: setup ## format, lint, types, unit tests
	@$(ENV); npm run --silent lint
	@$(ENV); npm run --silent types
	@$(ENV); npm test --silent

e2e: setup ## tests against the sandbox's OpenStack
	@sandbox/sandbox start
	@$(ENV); npm run --silent e2e

bench: setup ## measure the doctor; compare with the same resources written flat
	@$(ENV); node scripts/bench-doctor.mjs
	@sandbox/sandbox start
	@$(ENV); node scripts/bench.mjs
	@$(ENV); node scripts/bench-scale.mjs

fmt: setup ## format and fix
	@$(ENV); npm run --silent fmt

generate: setup ## generate what is generated
	@$(ENV); scripts/generate.sh

verify: setup ## what is generated is fresh; the sandbox is small; its filter judges rightly; its plugin and its machine are as upstream's
	@$(ENV); scripts/generate.sh --check
	@scripts/count-sandbox.sh
	@cd sandbox/cloud && PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m unittest -q test_dataplane
	@cd sandbox/plugins/talos && CGO_ENABLED=0 GOWORK=off go test -trimpath ./cmd/pulumi-resource-talos
	@$(ENV); cd sandbox/plugins/cluster && CGO_ENABLED=0 GOWORK=off go test -trimpath ./cmd/talosnode

setup:
	@scripts/setup.sh

clean: ## stop the sandbox and remove all its state
	@sandbox/sandbox stop
	@sandbox/sandbox wipe
