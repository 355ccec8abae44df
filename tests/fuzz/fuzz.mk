# The readers of model files against damaged ones; included by tests.mk.
#
#   make damage      10,000 damaged files (DAMAGE = how many), each the same every time
#   make fuzz-smoke  libFuzzer for FUZZ_SECONDS on a copy of each corpus
#   make fuzz        the same without end
#
# Both are built with sanitizers, straight from the sources they test.

DAMAGE ?= 10000
FUZZ_SECONDS ?= 20
fuzz_sources = $(wildcard externals/engine/weights/*.c) externals/engine/error.c
fuzz_headers = $(wildcard externals/engine/weights/*.h externals/engine/*.h tests/engine/helper_files.h)
fuzz_flags = -std=c11 -O1 -g -D_GNU_SOURCE -Iexternals -Itests/engine -Wall -Wextra -Werror \
             -fno-omit-frame-pointer -fno-sanitize-recover=all
damage_wrap = $(foreach f,malloc calloc realloc free,-Wl,--wrap=$(f))
damage_files = $(wildcard $(addprefix $(LATENT_ORACLE)/,*.pkl *.pt *.safetensors))
fuzz_corpus = tests/fuzz/corpus
# Far more than the readers may take, so that what stops the fuzzer is a real fault.
fuzz_limits = -max_len=65536 -rss_limit_mb=1024 -malloc_limit_mb=256 -timeout=20

$(top)/fuzz/damage: tests/fuzz/damage.c tests/engine/helper_files.c $(fuzz_sources) $(fuzz_headers)
	@mkdir -p $(@D)
	$(CC) $(fuzz_flags) -fsanitize=address,undefined -o $@ $(filter %.c,$^) $(damage_wrap) -lz -lm

$(top)/fuzz/fuzz_weights: tests/fuzz/fuzz_weights.c $(fuzz_sources) $(fuzz_headers)
	@mkdir -p $(@D)
	clang $(fuzz_flags) -fsanitize=fuzzer,address,undefined -o $@ $(filter %.c,$^) -lz -lm

$(top)/fuzz/fuzz_captions: tests/fuzz/fuzz_captions.c externals/engine/train/captions.c \
  externals/engine/text/json.c externals/engine/text/clean.c externals/engine/error.c
	@mkdir -p $(@D)
	clang $(fuzz_flags) -fsanitize=fuzzer,address,undefined -o $@ $(filter %.c,$^) -lm

damage: $(top)/fuzz/damage
	@$(if $(damage_files),,echo 'SKIP there are no fixtures; the small files are damaged alone';) \
	  $< -n $(DAMAGE) $(damage_files)

# A fuzzer for a while, from a copy of its corpus.
smoke = @if ! command -v clang >/dev/null; then \
	  echo 'SKIP there is no clang for libFuzzer'; echo '0 passed, 0 failed, 1 skipped'; \
	else $(MAKE) --no-print-directory $(top)/fuzz/$(1) && \
	  rm -rf $(top)/fuzz/$(notdir $(2)) && cp -r $(2) $(top)/fuzz/$(notdir $(2)) && \
	  $(top)/fuzz/$(1) $(fuzz_limits) -max_total_time=$(FUZZ_SECONDS) \
	    -artifact_prefix=$(top)/fuzz/ $(top)/fuzz/$(notdir $(2)) && echo '1 passed, 0 failed'; fi

fuzz-weights:
	$(call smoke,fuzz_weights,$(fuzz_corpus))
fuzz-captions:
	$(call smoke,fuzz_captions,tests/fuzz/captions)
fuzz-smoke: fuzz-weights fuzz-captions

fuzz: $(top)/fuzz/fuzz_weights
	@mkdir -p $(top)/fuzz/found
	$< $(fuzz_limits) -artifact_prefix=$(top)/fuzz/ $(top)/fuzz/found $(fuzz_corpus)

.PHONY: damage fuzz-smoke fuzz-weights fuzz-captions fuzz
