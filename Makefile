# A thin face over Meson.  Each target installs what this machine lacks for it (tools/deps; DEPS=no turns that off) and builds
# in a folder of its own under build/.

BUILD ?= build/release
# Compilers warn of things that are not there when they instrument the code.
SANITIZED = -Db_lundef=false -Dwerror=false -Db_sanitize=
PREFIX ?= /usr/local

all: ## build the library and the examples (this is what plain make does)
	@tools/deps build
	@TARGETS=product tools/build $(BUILD)

run: all ## a tour of what Yoke does
	$(BUILD)/examples/tour

test: ## build and run all tests; the last line counts them
	@tools/deps test
	@tools/test $(BUILD)

proof: ## every exploration and every kill in full, of which `make test` does a part
	@tools/deps test
	@YOKE_TEST_FULL=1 SUITES='--suite model --suite crash' tools/test $(BUILD)

asan: ## the tests with AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer
	@tools/deps test
	@YOKE_TEST_SLOW=4 tools/test build/asan $(SANITIZED)address,undefined

ubsan: ## the tests with UndefinedBehaviorSanitizer alone
	@tools/deps test
	@YOKE_TEST_SLOW=2 tools/test build/ubsan $(SANITIZED)undefined

tsan: ## the tests with ThreadSanitizer
	@tools/deps test
	@YOKE_TEST_SLOW=5 tools/test build/tsan $(SANITIZED)thread

clang: ## the tests with clang
	@tools/deps test
	@CC=clang tools/test build/clang

coverage: ## the tests, and which lines they reach: build/coverage/report/index.html
	@tools/deps coverage
	@tools/test build/coverage -Db_coverage=true --buildtype=debug
	@mkdir -p build/coverage/report
	gcovr --root . --filter src/ --filter include/ --html-details build/coverage/report/index.html --print-summary build/coverage

bench: ## build the benchmarks with the peers they measure, and run them
	@tools/deps bench
	@tools/build build/bench -Dbench=true --buildtype=release
	bench/run build/bench/bench

install: all ## install under PREFIX (/usr/local), inside DESTDIR if that is given
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@TARGETS=product tools/build $(BUILD)
	meson install -C $(BUILD) --no-rebuild
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" -eq 0 ]; then ldconfig; fi

format: ## bring the sources into the form that the tests check
	@tools/deps format
	find include src tests examples bench -name '*.[ch]' -o -name '*.cpp' | xargs clang-format -i

clean: ## remove everything that was built
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1: /p' Makefile | awk -F ': ' '{ printf "make %-10s %s\n", $$1, $$2 }'

.PHONY: all run test proof asan ubsan tsan clang coverage bench install format clean help
