# Every target makes .venv and installs what it needs by itself, once. When pyproject.toml changes, only what changed in it is
# done: a new plugin is registered without the network. CPU=1 takes PyTorch's CPU build, CPU=0 the usual one; left out, what
# fits this machine.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LAB    := $(VENV)/.lab
DEV    := $(VENV)/.dev
DOCS   := $(VENV)/.docs
CPU    ?=

TASK   ?= digits
MODEL  ?= resnet_sparse
EXITS  ?= joint
CODECS ?= float32,float16,int8
POLICIES ?=
SEEDS  ?=
DEVICE ?= auto
EPOCHS ?=
CUT    ?=
DEVICES ?=
PUBLISH ?=
ARGS   ?=

BACKBONES ?= mlp
METHODS   ?=
DENSITIES ?=
WORKERS   ?= 1
ON        ?=

# The options that bench and compare share, left out where nothing is set.
ASKED = $(if $(POLICIES),--policies '$(POLICIES)') $(if $(SEEDS),--seeds '$(SEEDS)') $(if $(EPOCHS),--epochs '$(EPOCHS)') \
  $(if $(CUT),--cut '$(CUT)') $(if $(DEVICES),--devices '$(DEVICES)') $(if $(PUBLISH),--publish) $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help bench compare board list check format test new benchmarks speed wheel docs clean always

help: ## show these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  make bench TASK=cifar100 MODEL='resnet[depth=32]_pruned[density=0.1]' SEEDS=0,1,2"
	@echo "  more settings: EXITS= POLICIES= CODECS= EPOCHS= CUT= DEVICE=auto|cpu|cuda|mps DEVICES=4 PUBLISH=1 ARGS='--any --option of seesaw run'"

bench: $(LAB) ## train, measure and record one model: TASK= MODEL= EXITS= SEEDS= EPOCHS= PUBLISH=1 ARGS=
	@$(BIN)/seesaw run --task '$(TASK)' --model '$(MODEL)' --exits '$(EXITS)' --codecs '$(CODECS)' --device '$(DEVICE)' $(ASKED)

board: $(LAB) ## write leaderboards/*.md and leaderboards/index.html from leaderboards/records and streams
	@$(BIN)/seesaw board $(ARGS)

compare: $(LAB) ## run a grid of cells, then its board: TASK= BACKBONES= METHODS= DENSITIES= SEEDS= WORKERS= ON= PUBLISH=1 ARGS=
	@$(BIN)/seesaw compare --task '$(TASK)' --backbones '$(BACKBONES)' $(if $(METHODS),--methods '$(METHODS)') \
	  $(if $(DENSITIES),--densities '$(DENSITIES)') --workers '$(WORKERS)' $(if $(ON),--on '$(ON)') \
	  --exits '$(EXITS)' --codecs '$(CODECS)' --device '$(DEVICE)' $(ASKED)

list: $(LAB) ## show every plugin with its settings: ARGS=method
	@$(BIN)/seesaw list $(ARGS)

check: $(DEV) ## format, lint, types, import contracts, and whether every page is what the records give
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/seesaw board --check

format: $(DEV) ## put the code in the one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: $(DEV) ## run the tests, two at a time, or those that are named: ARGS=tests/bench/network/test_net.py
	$(BIN)/pytest $(if $(ARGS),$(ARGS),-n 2 --dist worksteal)

new: $(LAB) ## write a skeleton plugin and its test: KIND=method NAME=mine
	@$(BIN)/seesaw new '$(KIND)' '$(NAME)'

benchmarks: $(DEV) ## measure Seesaw itself: training overhead, start-up, replay, killed runs
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

speed: $(DEV) ## hold each kind of layer to a share of this machine's dense product (ten seconds)
	@$(BIN)/python benchmarks/execution.py --check

wheel: $(DEV) ## build dist/*.whl with the native kernels of the common processors in it: needs a C++ compiler
	@$(BIN)/python -m hatchling build -t wheel

docs: $(LAB) $(DOCS) ## build the documentation into site/, with its links checked: open site/index.html
	$(BIN)/python docs/pictures.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

clean: ## remove .venv, caches and runs; records and data stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache runs dist site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp tells make that an extra is installed; install.py looks whether anything is to be done, and renews it.
$(VENV)/.%: pyproject.toml install.py $(if $(CPU),always)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Seesaw needs Python 3.11 or newer; $(PYTHON) is older. Name another: make PYTHON=python3.12 ..."; exit 1; }
	@CPU='$(CPU)' $(PYTHON) install.py $(VENV) $*

always:
