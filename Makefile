# Every target works with Go, git and make alone; what needs an installed server says so.
.DEFAULT_GOAL := help
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LINT    := bin/golangci-lint

.PHONY: help build demo test race lint fuzz bench compare soak check cross cover

help: ## print this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build ./certscan, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.release=$(VERSION)' -o certscan .

demo: ## scan 2,000 domains of a small internet of its own, offline
	$(GO) run ./fixtures/demo

test: ## run every test
	$(GO) test ./...

race: ## run every test under the race detector
	$(GO) test -race ./...

lint: $(LINT) cross ## vet for three systems, lint, and hold the go.mod files tidy
	$(LINT) run ./...
	$(GO) mod tidy -diff

cross:
	$(GO) vet ./...
	GOOS=darwin $(GO) vet ./...
	GOOS=windows $(GO) vet ./...

$(LINT): tools/go.mod
	cd tools && $(GO) build -o ../$(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

FUZZTIME ?= 30s
fuzz: ## run each fuzz target for FUZZTIME (30s)
	@for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; done

bench: ## run the Go benchmarks with allocation figures
	$(GO) test -run '^$$' -bench . -benchmem ./...

ROWS ?=
REPS ?= 5
CSV  ?=
compare: ## certscan beside its peers: ROWS (all), REPS (5), CSV file (root; nsd, nginx)
	$(GO) run ./fixtures/compare -rows '$(ROWS)' -reps $(REPS) -csv '$(CSV)'

SOAK ?= 10m
soak: ## scan over and over for SOAK (10m): memory, goroutines and descriptors stay flat
	$(GO) run ./fixtures/soak -for $(SOAK)

check: lint race ## what to run before a commit
