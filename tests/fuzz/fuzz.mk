# Fuzzers and damaged files: every reader of bytes from outside; included by tests.mk.
#
#   make fuzz [SECONDS=60] [TARGET=weights]   libFuzzer, every reader (or one) so many seconds
#   make check-fuzz                           the same for one second each, and the damaged files
#   make damage                               10,000 damaged model files (DAMAGE = how many), each the
#                                             same every time
#   make fuzz-variants                        networks made otherwise by what they consist of (VARIANTS =
#                                             how many, SEED), played in a build with sanitizers
#   make fuzz-messages [SECONDS=60] [SEED=1]  random messages to all boxes (SANITIZE=address,undefined)
#   make fuzz-seeds                           writes the corpora anew that our own programs make
#
# The readers are listed in tests/fuzz/readers.c, their corpora lie in tests/fuzz/corpus/<name>; what
# a fuzzer finds belongs there, too.  What the readers call is built by clang with sanitizers, the
# kernels, which get no bytes of a file before they have been checked, as they are.

DAMAGE ?= 10000

# ---- libFuzzer

fuzz_top = build/variant-fuzz
fuzz_watched = -fsanitize=address,undefined -fno-sanitize-recover=undefined
fuzz_plain = $(wildcard externals/engine/kernels/*.c)
fuzz_objects = $(call objects,$(filter-out $(fuzz_plain),$(engine_sources) $(media_sources) $(sound_sources)))
fuzz_own = $(call test_object,$(addprefix tests/fuzz/,readers.c read_models.c read_media.c read_texts.c \
  make.c) tests/engine/helper_network.c)

# In the build that "fuzz-program" makes.
$(top)/fuzz/readers: $(fuzz_own) $(fuzz_objects) $(patsubst externals/engine/%.c,build/obj/engine/%.o,$(fuzz_plain))
	@mkdir -p $(@D)
	$(CC) $(fuzz_watched) -fsanitize=fuzzer -o $@ $^ $(ldflags) -lcmocka $(engine_libs) $(media_libs) $(sound_libs)
fuzz-program:
	@$(MAKE) -s --no-print-directory -j$(JOBS) $(patsubst externals/engine/%.c,build/obj/engine/%.o,$(fuzz_plain))
	@$(MAKE) -s --no-print-directory -j$(JOBS) CC=clang folder=$(fuzz_top) \
	  CPPFLAGS=-DLATENT_PICTURE_PIXELS=1048576 \
	  CFLAGS='-O1 -g1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link $(fuzz_watched)' \
	  $(fuzz_top)/fuzz/$(or $(FUZZ_PROGRAM),readers)

fuzz:
	@JOBS='$(JOBS)' MAKE='$(MAKE)' tests/fuzz/fuzz.sh $(or $(SECONDS),60) $(TARGET)
fuzz-messages:
	$(MAKE) -j$(JOBS) all helpers
	@$(run_environment) tests/fuzz/messages.sh $(or $(SECONDS),60) $(SEED)
fuzz-seeds: $(top)/fuzz/seeds
	$< tests/fuzz/corpus
$(top)/fuzz/seeds: $(call test_object,tests/fuzz/seeds.c tests/fuzz/make.c tests/engine/helper_network.c \
  tests/engine/helper_files.c) $(call objects,$(engine_sources) $(media_sources))
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(ldflags) -lcmocka $(engine_libs) $(media_libs)

# ---- variants of networks (variants.c), in the build of the fuzzers

VARIANTS ?= 500
SEED ?= 1
$(top)/fuzz/variants: $(call test_object,tests/fuzz/variants.c tests/engine/helper_files.c) $(fuzz_own) \
  $(fuzz_objects) $(patsubst externals/engine/%.c,build/obj/engine/%.o,$(fuzz_plain))
	@mkdir -p $(@D)
	$(CC) $(fuzz_watched) -fsanitize=fuzzer-no-link -o $@ $^ $(ldflags) -lcmocka $(engine_libs) $(media_libs) $(sound_libs)
fuzz-variants:
	@if ! command -v clang >/dev/null; then \
	  echo 'SKIP there is no clang'; echo '0 passed, 0 failed, 1 skipped'; exit; fi; \
	  $(MAKE) -s fuzz-program FUZZ_PROGRAM=variants && \
	  LSAN_OPTIONS=suppressions=$(abspath tests/fuzz/lsan.supp):print_suppressions=0 \
	  ASAN_OPTIONS=allocator_may_return_null=1 $(fuzz_top)/fuzz/variants -n $(VARIANTS) -s $(SEED)

# ---- damaged files: straight from the sources that they test, so that memory can be counted

damage_sources = $(wildcard externals/engine/weights/*.c) $(addprefix externals/engine/base/,error.c number.c) \
                 $(addprefix externals/engine/text/,json.c clean.c)
damage_headers = $(wildcard externals/engine/weights/*.h externals/engine/*/*.h tests/engine/helper_files.h)
damage_flags = -std=c11 -O1 -g -D_GNU_SOURCE -Iexternals -Itests/engine -Wall -Wextra -Werror \
               -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=address,undefined
damage_wrap = $(foreach f,malloc calloc realloc free,-Wl,--wrap=$(f))
damage_files = $(wildcard $(addprefix $(LATENT_ORACLE)/,*.pkl *.pt *.safetensors))

$(top)/fuzz/damage: tests/fuzz/damage.c tests/engine/helper_files.c $(damage_sources) $(damage_headers)
	@mkdir -p $(@D)
	$(CC) $(damage_flags) -o $@ $(filter %.c,$^) $(damage_wrap) -lz -lm

damage: $(top)/fuzz/damage
	@$(if $(damage_files),,echo 'SKIP there are no fixtures; the small files are damaged alone';) \
	  $< -n $(DAMAGE) $(damage_files)

.PHONY: fuzz-messages damage fuzz fuzz-program fuzz-seeds fuzz-variants
