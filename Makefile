# make help lists the targets.

.DEFAULT_GOAL := help
.PHONY: help vet-macos demo demo-registry picture unit test simulate bench check scan build cli dist dist-check deploy delete local-aws fuzz mutate clean tools build-OnRepoFunction build-OnAccountFunction

CONFIG_ENV ?= default
FUZZ_TIME  ?= 30s
SEEDS      ?= 100000
BENCH      ?=
MUTATE     ?= pkg/policy internal/event internal/rollout internal/reconcile internal/accountlist

# The functions are built for the architecture in the section of samconfig.toml that SAM uses.
ARCHITECTURE ?= $(sort $(shell awk -v section='[$(CONFIG_ENV).' ' \
  { sub(/\043.*/, "") } \
  /^\[/ { here = index($$0, section) == 1 } \
  here && sub(/.*Architecture=[^a-z]*/, "") { sub(/[^a-z0-9_].*/, ""); print }' samconfig.toml))
GOARCH_arm64  := arm64
GOARCH_x86_64 := amd64

# What is built says its version and commit. make dist refuses a commit that ends in -dirty.
VERSION           ?= $(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null || echo development)
COMMIT            ?= $(shell git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)

# The same source gives the same bytes, wherever it is built. So what is linked is the commit and not what -buildvcs finds.
VERSION_PACKAGE := github.com/ecr-pull-policy/ecr-pull-policy/internal/version
GO_BUILD = go build -trimpath -buildvcs=false \
  -ldflags '-s -w -X $(VERSION_PACKAGE).version=$(VERSION) -X $(VERSION_PACKAGE).commit=$(COMMIT)'
# These have the flags that determine what the compiler's output of a package is, so that all programs share it.
BUILD_TOOL := CGO_ENABLED=0 go build -trimpath
CLI  ?= bin/ecr-pull-policy
DIST ?= dist

# make dist builds for these platforms, such as linux/amd64, and for all if it is empty.
PLATFORMS ?=
# The build cache of the second build of make dist-check is empty, so it compiles everything. A test sets another.
SECOND_CACHE ?= $$copy/.cache

SAM := SAM_CLI_TELEMETRY=0 .venv/bin/sam

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

# On a new machine, pip runs while the demo is built.
demo: .local/setup ## show what ecr-pull-policy does, with simulated AWS services
	@.local/setup -services & setup=$$!; \
	  test -x .local/demo || echo "building the demo (once)" >&2; \
	  { $(BUILD_TOOL) -o .local/demo ./test/demo && wait $$setup; } || { kill $$setup 2>/dev/null; exit 1; }
	@exec .local/demo

demo-registry: tools ## show the same with one policy for the whole registry
	@mkdir -p .local && go build -o .local/demo ./test/demo
	@exec .local/demo -level registry

picture: tools ## run the demo, and make docs/rollout.svg, the picture in README.md, from its output
	@mkdir -p .local && go build -o .local/demo ./test/demo
	@.local/demo -picture docs/rollout.svg >/dev/null

local-aws: tools ## run simulated AWS services for the AWS CLI, and print what happens there
	@$(BUILD_TOOL) -o .local/local-aws ./test/localaws/serve
	@exec .local/local-aws

# Of these packages, only TestCommands needs more than Go.
unit: ## run the tests that need only Go
	@command -v go >/dev/null || { echo "Go is missing: install Go 1.26 or newer (https://go.dev/dl/)" >&2; exit 1; }
	go test -skip '^TestCommands$$' ./cmd/... ./internal/... ./pkg/... ./test/stubaws
	go test ./test/simulate -seeds 120

# One more package at a time than there are cores in CI, because some wait for downloads.
test: tools ## run all tests, and check their coverage
	go test -p 3 -count=1 -race -coverprofile=coverage.out -coverpkg=./pkg/...,./internal/... ./...
	go test -count=1 ./test/simulate # ten times as many histories without the race detector
	go -C bench test -count=1 ./...
	@go tool -modfile=tools/go.mod go-test-coverage --config .testcoverage.yml

simulate: ## simulate SEEDS (100000) random histories; a failure prints how to replay it
	go test ./test/simulate -run TestSimulate -count=1 -timeout 0 -v -seeds $(SEEDS)

bench: tools ## measure and compare with other tools; BENCH='-only start' runs a part, BENCH=-h lists the options
	@mkdir -p .local && go -C bench build -o ../.local/bench .
	@exec .local/bench $(BENCH)

check: tools ## check formatting, code, and template, and build the functions
	@test -z "$$(gofmt -l .)" || { echo "not formatted; run: gofmt -w $$(gofmt -l . | tr '\n' ' ')"; exit 1; }
	go vet ./... && go -C bench vet ./...
	go tool -modfile=tools/go.mod golangci-lint run ./...
	go -C bench tool -modfile=../tools/go.mod golangci-lint run ./...
	for module in . bench tools; do go -C $$module mod tidy -diff || exit 1; done
	go tool -modfile=tools/go.mod hclfmt -check -require-no-change examples/terraform/main.tf >/dev/null
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 .github/workflows/*.yml examples/*/workflow.yml
	.venv/bin/zizmor --offline --quiet --no-progress .github examples/*/workflow.yml
	AWS_DEFAULT_REGION=eu-central-1 $(SAM) validate --lint
	.venv/bin/cfn-lint template.yaml examples/*/*.yaml
	$(MAKE) --no-print-directory build

# Compiles all dependencies once more, which takes minutes in an empty build cache.
vet-macos: ## check that the code compiles for macOS
	GOOS=darwin go vet ./... && GOOS=darwin go -C bench vet ./...

# checkov has 95 dependencies, so it has an environment of its own, which only this target needs.
scan: .local/scan/bin/checkov ## scan the template and the examples with checkov
	LOG_LEVEL=CRITICAL $< --compact --quiet --skip-download --framework cloudformation --file template.yaml examples/*/*.yaml

.local/scan/bin/checkov: tools/requirements.txt
	python3 -m venv .local/scan && .local/scan/bin/pip install --quiet --requirement $<
	@touch $@

build: tools ## build the functions for sam deploy, into .aws-sam
	$(SAM) build --config-env $(CONFIG_ENV)
	@sed "s/^\( *Value: \)development$$/\1$(VERSION) ($$(echo $(COMMIT) | cut -c 1-12))/" .aws-sam/build/template.yaml > .aws-sam/versioned.yaml
	@mv .aws-sam/versioned.yaml .aws-sam/build/template.yaml

cli: ## build the command line, bin/ecr-pull-policy
	@$(GO_BUILD) -o $(CLI) ./cmd/ecr-pull-policy
	@echo "built $(CLI), version $(VERSION)"

dist: ## build the artifacts of release VERSION (such as v0.1.0) into dist
	@go run ./release -version '$(VERSION)' -commit '$(COMMIT)' -time '$(SOURCE_DATE_EPOCH)' \
	  -platforms '$(PLATFORMS)' -out '$(DIST)'

dist-check: dist ## build the artifacts of release VERSION, build them again in a copy, and compare
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && \
	  git ls-files -z --cached --others --exclude-standard -- . ':!.venv' | xargs -0 ls -d 2>/dev/null | tar -c -f - -T - | tar -x -f - -C "$$copy" && \
	  ln -s "$$(cd .venv && pwd -P)" "$$copy/.venv" && \
	  GOCACHE=$(SECOND_CACHE) $(MAKE) --no-print-directory -C "$$copy" dist DIST="$$copy/dist" PLATFORMS='$(PLATFORMS)' \
	    VERSION='$(VERSION)' COMMIT='$(COMMIT)' SOURCE_DATE_EPOCH='$(SOURCE_DATE_EPOCH)' >/dev/null && \
	  diff -r '$(DIST)' "$$copy/dist" && echo 'Both builds have the same bytes.'

deploy: build ## build, and deploy with section CONFIG_ENV (default) of samconfig.toml
	$(SAM) deploy --config-env $(CONFIG_ENV)

# A stack restores the managed statements, so it is deleted first.
delete: tools cli ## delete the stack of section CONFIG_ENV, after asking whether to remove the grants too
	@printf "Also remove the managed statements from all repositories and the registry policy, so that consumers can no longer pull?\nOnly 'yes' and 'no' are accepted: "; \
	read -r grants; case "$$grants" in yes|no) ;; *) echo "Delete canceled. Nothing was deleted." >&2; exit 1 ;; esac; \
	printf "Do you want to delete the stack of section $(CONFIG_ENV) in samconfig.toml?\nOnly 'yes' is accepted: "; \
	read -r stack; [ "$$stack" = yes ] || { echo "Delete canceled. Nothing was deleted." >&2; exit 1; }; \
	$(SAM) delete --no-prompts --config-env $(CONFIG_ENV) && \
	if [ "$$grants" = yes ]; then bin/ecr-pull-policy remove --all --stack ''; \
	else echo "The policies still let consumers pull. To remove these grants, run: bin/ecr-pull-policy remove --all --stack ''"; fi

fuzz: tools ## run each fuzz test for FUZZ_TIME (30s)
	@for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	    go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZ_TIME) $$package || exit 1; \
	  done; \
	done

# Gremlins needs the tests of a package to pass, and mutates only what they cover. The conditions after case count as not covered.
mutate: ## check that tests fail when the code of MUTATE is changed; at most 3 % of the changes may pass (30 minutes)
	@for package in $(MUTATE); do \
	  nice go run github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0 unleash --workers 1 --timeout-coefficient 8 \
	    --threshold-efficacy 97 --output-statuses lt ./$$package || exit 1; \
	done

clean: ## remove all files that the other targets created
	rm -rf .aws-sam .local .venv bin coverage.out dist

tools: .local/setup
	@exec .local/setup

.local/setup: FORCE
	@command -v go >/dev/null || { echo "Go is not installed; install Go 1.26 or later from https://go.dev/dl/" >&2; exit 1; }
	@command -v python3 >/dev/null || { echo "Python is not installed; install Python 3.11 or later" >&2; exit 1; }
	@$(BUILD_TOOL) -o $@ ./test/localaws/setup

FORCE:

# sam build calls these, with ARTIFACTS_DIR.
build-OnRepoFunction build-OnAccountFunction: build-On%Function:
	@test -n "$(GOARCH_$(ARCHITECTURE))" || { echo "$(CONFIG_ENV) of samconfig.toml has Architecture '$(ARCHITECTURE)'; it must be arm64 or x86_64" >&2; exit 1; }
	GOOS=linux GOARCH=$(GOARCH_$(ARCHITECTURE)) CGO_ENABLED=0 $(GO_BUILD) -tags lambda.norpc \
	  -o "$(ARTIFACTS_DIR)/bootstrap" ./functions/on$(shell echo $* | tr A-Z a-z)
