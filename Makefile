# What people and CI type. `make` alone says what there is.
# The build folder is build/ for everything in Release; sanitizers have folders of their own below it.

JOBS ?= 2
CTEST = ctest --test-dir build --output-on-failure -j $(JOBS) --no-tests=error

.DEFAULT_GOAL := help
.PHONY: help build demo test check bench golden soak coverage clean
# One target after the other: they share one build folder, and each runs its own jobs.
.NOTPARALLEL:

help:
	@echo 'ds: plan, tune and run large-model training'
	@echo
	@echo '  make demo      build, then train, predict and compare a small model on this machine'
	@echo '  make build     ds-sim, ds-tune and ds-exec in build/bin'
	@echo '  make test      build and run the tests'
	@echo '  make check     format, clang-tidy, layers, spelling, JSON, scripts (ALL=1: tidy over every file)'
	@echo '  make bench     benchmarks'
	@echo '  make golden    rewrite the expected outputs in tests/golden; look at the diff'
	@echo '  make soak      the long rest: fuzzing, ThreadSanitizer, clang-tidy over everything'
	@echo '  make coverage  tests with gcovr, report in build/coverage/report'
	@echo '  make clean     remove build/'
	@echo
	@echo 'On Debian 12 missing packages are installed (.ci/packages); JOBS=8 uses eight cores.'

# Tests want packages of their own, so a fresh folder is configured without them. One that has them keeps them: CMake
# would delete their objects, and the next `make test` would compile them all again.
build:
	@.ci/install build
	@cmake --preset release $$([ -f build/CMakeCache.txt ] || echo -DDS_TESTS=OFF)
	@cmake --build build -j $(JOBS) --target programs

# Packages first and in one go: two apt runs take longer than one.
demo:
	@.ci/install build demo
	@$(MAKE) --no-print-directory build
	@if [ -x cli/demo/run ]; then cli/demo/run; else echo 'no demo yet'; fi

test:
	@.ci/install build demo test
	@cmake --preset release -DDS_TESTS=ON
	@cmake --build build -j $(JOBS)
	@$(CTEST)

check:
	@.ci/install build demo test check
	@.ci/check

bench: build
	@if [ -x bench/run ]; then bench/run; else echo 'no benchmarks yet'; fi

golden: build
	@if [ -x tests/golden/rewrite ]; then tests/golden/rewrite; else echo 'no golden outputs yet'; fi

soak:
	@.ci/soak

coverage:
	@.ci/install build demo test coverage
	@.ci/coverage

clean:
	@rm -rf build
