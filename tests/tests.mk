# What "make check", "make check-fast" and "make bench" build and run; included by the Makefile.
#
#   tests/engine/test_*.c   tests (cmocka) of the engine alone; main.c runs those of one file
#   tests/models/test_*.c   the same, of how good the built-in models are
#   tests/helpers/*.c       boxes for the test patches, which are never installed
#   tests/patches/*.pd      patches, each run in a Pd of its own (tests/run.sh says how)
#   tests/gui/*.sh          scripts that need a screen (Xvfb)
#   tests/fuzz/             readers of bytes from outside, fuzzed, and damaged model files
#   tests/bench/bench_*.c   programs that measure, over the engine alone; measure.c is linked into each
#
# Each stage is a target check-<stage> that ends with a line "N passed, N failed[, N skipped]";
# "make check" runs them all and ends with their sum.

LATENT_ORACLE ?= $(abspath ../shared/oracle)
LATENT_DATA ?= $(abspath ../shared/data)
LATENT_CASES ?= $(abspath ../shared/cases)
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
export LATENT_ORACLE LATENT_DATA LATENT_CASES

# gui+: what comes after it runs beside it (tests/check.sh).
stages = house engine patches gui-alone gui+ address thread valgrind fuzz install double clang
# A sanitized build is tested for what the sanitizer finds.
$(if $(SANITIZE),$(eval stages = engine patches))

# What is missing for the tests is installed (nothing is said when all is there); without it some are
# skipped.
test-deps:
	@tools/deps.sh || echo 'check: not everything could be installed; going on with what is here'

check: test-deps
	@WERROR=1 MAKE='$(MAKE)' tests/check.sh $(stages)
check-fast: test-deps
	@WERROR=1 MAKE='$(MAKE)' tests/check.sh engine patches

# ---- programs over the engine

engine_objects = $(call objects,$(engine_sources) $(media_sources) $(sound_sources) $(stream_sources))
engine_tests := $(patsubst tests/engine/%.c,%,$(wildcard tests/engine/test_*.c))
# What starts no threads takes minutes under the thread sanitizer and shows nothing there (what is
# recalled in the background has its patch).
threadless = test_ear test_cleaning test_soundfile test_symmetric test_recall
engine_tests := $(filter-out $(if $(filter thread,$(SANITIZE)),$(threadless)),$(engine_tests))
# What measures how good a network is runs through the same code as the tests of each part: without
# sanitizers, and only when that code or a model has changed.
model_tests := $(if $(SANITIZE),,$(patsubst tests/models/%.c,%,$(wildcard tests/models/test_*.c)))
engine_programs = $(engine_tests:%=$(top)/tests/%)
model_programs = $(model_tests:%=$(top)/tests/%)
# This linker needs a third of the time.
quick_link := $(if $(shell command -v ld.gold),-fuse-ld=gold)
bench_programs = $(patsubst tests/bench/%.c,$(top)/bench/%,$(wildcard tests/bench/bench_*.c))
test_object = $(patsubst tests/%.c,$(obj)/tests/%.o,$(1))
test_helpers = $(call test_object,$(wildcard tests/engine/helper_*.c) tests/helpers/npz.c tests/models/examiner.c)
model_objects = $(call test_object,$(model_tests:%=tests/models/%.c))
test_objects = $(call test_object,tests/engine/main.c $(engine_tests:%=tests/engine/%.c)) $(model_objects)

# All tests are one program (tests/engine/main.c), which is linked once; $(top)/tests/test_x is a link
# to it that runs the tests of that file.
$(obj)/tests/%.o: cppflags += -Itests/engine -Itests/models -I$(obj)/tests
$(obj)/tests/engine/test_%.o: cppflags += -Dmain=$(*F)_main
$(obj)/tests/models/test_%.o: cppflags += -Dmain=$(*F)_main
$(obj)/tests/%.o: tests/%.c
	$(compile)
$(obj)/tests/engine/main.o: $(obj)/tests/groups.h
$(test_objects): tests/engine/main.c # whose functions they are
$(obj)/tests/groups.h: always
	@mkdir -p $(@D)
	@printf 'GROUP(%s)\n' $(engine_tests) $(model_tests) >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(top)/tests/engine: $(test_objects) $(test_helpers) $(engine_objects)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(ldflags) $(quick_link) $(LDFLAGS) -lcmocka $(engine_libs) $(media_libs) $(sound_libs) $(stream_libs)
$(top)/tests/test_%: $(top)/tests/engine
	@ln -sf engine $@
$(top)/bench/%: $(obj)/tests/bench/%.o $(obj)/tests/bench/measure.o $(engine_objects)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(ldflags) $(LDFLAGS) $(engine_libs) $(media_libs) $(sound_libs) $(stream_libs)

# The judge of tests/models, trained from the rules: half an hour of one processor.  The file that
# lies there saw 160,000 pictures in four goes (seeds 1 to 4), each beginning from the one before.
$(top)/tests/train_examiner: $(call test_object,tests/models/train_examiner.c tests/models/examiner.c) $(engine_objects)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(ldflags) $(LDFLAGS) $(engine_libs) $(media_libs) $(sound_libs) $(stream_libs)
examiner: $(top)/tests/train_examiner
	$< tests/models/examiner.safetensors

engine-tests: $(engine_programs) $(model_programs)

build_tests = $(MAKE) -k -j$(JOBS) engine-tests || \
  { echo 'FAIL the tests of the engine can be built'; echo '0 passed, 1 failed'; exit 1; }
# The models first, which take longest, where they were not measured since they or the engine changed:
# what is left at the end keeps one processor waiting.
measured = $(top)/tests/models.passed
check-engine:
	@$(build_tests)
	@models='$(model_programs)'; [ -z "$$models" ] || ! $(MAKE) -q $(measured) || models=; \
	TSAN_OPTIONS=suppressions=$(abspath tests/tsan.supp) \
	  tests/each.sh -j $(JOBS) $$models $(engine_programs) && $(if $(SANITIZE),:,touch $(measured))
# These alone, whatever has changed.
check-models:
	@$(build_tests)
	@tests/each.sh -j $(JOBS) $(model_programs) && touch $(measured)
$(measured): $(model_objects) $(test_helpers) $(engine_objects) $(wildcard examples/models/*.safetensors)

bench:
	$(MAKE) -j$(JOBS) $(bench_programs)
	@for program in $(bench_programs); do echo "== $$program"; $$program || exit; done

# ---- patches

# One binary for all test boxes; Pd finds it under the name of each.
HELPERS = $(top)/tests-pd
helper_binary = $(HELPERS)/helpers.$(ext)
helper_names = check check.done check.count fixture network schedlag resident scratch draw refuse yard busy
helper_objects = $(call test_object,$(wildcard tests/helpers/*.c))
$(helper_binary): $(helper_objects)
	@mkdir -p $(@D)
	$(link) -o $@ $^ -lm
	for name in $(helper_names); do ln -sf $(@F) $(HELPERS)/$$name.$(ext); done

helpers: $(helper_binary)

# What the patch tests, the screen tests and the install test need to know.
run_environment = PD='$(PD)' BUILD='$(abspath $(BUILD))' HELPERS='$(abspath $(HELPERS))' \
                  PRELOAD='$(preload)' JOBS='$(JOBS)' MAKE='$(MAKE)'

# Ten minutes (SECONDS = how many) of everything at once, by itself on the machine; PLAY=train: of a
# training beside a live patch.
stage:
	$(MAKE) -j$(JOBS) all helpers
	@$(run_environment) tests/stage.sh $(or $(SECONDS),600) $(or $(PLAY),stage)

# What is refused, read from fixtures or done in Pd's own thread shows the thread sanitizer nothing
# that other patches do not.
patches_named = $(wildcard $(1:%=tests/patches/%.pd))
one_thread = $(call patches_named,*-wrong *-fixture-* noise-* interp-* map-* mix-* lists-* ear-* rule-* \
  soundfile-* file-* fit-* effect-* schedule-* noisy-* denoise-* encode-* decode-* inpaint-* push-* \
  refused)
many_threads = $(filter-out \
  $(filter-out $(call patches_named,*-live *-delete),$(one_thread)),$(call patches_named,*))
# Some patches wait for seconds: under a sanitizer, where nothing is alone, one more runs meanwhile.
one_more := $(shell expr $(JOBS) + 1)
check-patches:
	$(MAKE) -j$(JOBS) all helpers
	@$(run_environment) $(if $(SANITIZE),JOBS=$(one_more)) tests/run.sh $(if $(SANITIZE),-x alone -x long) \
	  $(if $(filter thread,$(SANITIZE)),$(many_threads))

# ---- the rest

check-house:
	@tests/house.sh

# Most of the time a patch is waited for.  Those that train want processors of their own, and what
# measures is by itself.
trainings = help/latent.train-help.pd $(addprefix examples/workshop/,13-from-nothing.pd \
  14-forgetting.pd 15-loop.pd 28-learned-way-back.pd)
check-gui:
	$(MAKE) -j$(JOBS) all helpers
	@$(run_environment) BUSY='$(subst $(empty) ,|,$(trainings:%=%$$))' tests/each.sh -j 6 \
	  $(foreach n,1 2 3 4 5 6,'tests/gui/play.sh -n $(n)/6')
check-gui-alone:
	$(MAKE) -j$(JOBS) all helpers
	@$(run_environment) tests/each.sh 'tests/gui/play.sh $(trainings)' tests/gui/view.sh \
	  tests/gui/window.sh tests/gui/share.sh

check-install:
	$(MAKE) -j$(JOBS) all helpers
	@$(run_environment) tests/install.sh

check-double:
	$(MAKE) -j$(JOBS) floatsize=64 all helpers
	@$(MAKE) --no-print-directory floatsize=64 double-tests

double-tests:
	@$(run_environment) tests/double.sh

# The other compiler has other warnings.
check-clang:
	@if ! command -v clang >/dev/null; then \
	  echo 'SKIP there is no clang'; echo '0 passed, 0 failed, 1 skipped'; \
	elif $(MAKE) -s -j$(JOBS) CC=clang CFLAGS=-O0 WERROR=1 folder=build/variant-clang all helpers engine-tests; then \
	  echo 'ok   everything compiles with clang'; echo '1 passed, 0 failed'; \
	else echo 'FAIL everything compiles with clang'; echo '0 passed, 1 failed'; exit 1; fi

# Other machines, compiled for on this one: not part of "make check", for its tools are large.
everything-compiles: $(call objects,$(shared_sources) $(media_sources) $(sound_sources) $(stream_sources)) \
  $(classes:%=$(obj)/%.o) $(call objects,externals/pd/feature_parameters.c)
check-platforms:
	@MAKE='$(MAKE)' JOBS='$(JOBS)' PDINCLUDEDIR='$(PDINCLUDEDIR)' tests/platforms.sh

check-address:
	@$(MAKE) --no-print-directory -k SANITIZE=address,undefined check-engine check-patches
check-thread:
	@$(MAKE) --no-print-directory -k SANITIZE=thread check-engine check-patches
# Under valgrind a patch takes seconds: only what reads, refuses, computes once, holds and lets go.
valgrind_patches = $(call patches_named,*-wrong *-delete *-fixture-32 *-read *-replaced *-saved \
  *-handles *-keeps *-looks *-same *-still *-sequence)
check-valgrind:
	$(MAKE) -j$(JOBS) all helpers
	@if command -v valgrind >/dev/null; then \
	  $(run_environment) JOBS=$(one_more) tests/run.sh -v -x alone -x heavy $(abspath $(valgrind_patches)); \
	else echo 'SKIP there is no valgrind'; echo '0 passed, 0 failed, 1 skipped'; fi

# One second for each reader is for what has been found before.
check-fuzz:
	@$(MAKE) -s --no-print-directory fuzz SECONDS=1
	@tests/each.sh '$(MAKE) damage' '$(MAKE) fuzz-variants VARIANTS=200'

include tests/fuzz/fuzz.mk

.PHONY: test-deps $(addprefix check-,$(stages:+=) fast platforms) everything-compiles bench stage helpers engine-tests \
  check-models examiner double-tests always
