# What "make check" and "make bench" build and run; included by the Makefile.
#
#   tests/engine/test_*.c   programs (cmocka) over the engine alone

engine_objects = $(call objects,$(engine_sources) $(media_sources))
engine_tests := $(patsubst tests/engine/%.c,%,$(wildcard tests/engine/test_*.c))
engine_programs = $(engine_tests:%=$(top)/tests/%)
test_helpers := $(wildcard tests/engine/helper_*.c)

$(top)/tests/%: tests/engine/%.c $(test_helpers) $(engine_objects)
	@mkdir -p $(@D)
	$(CC) $(cppflags) -Itests/engine $(CPPFLAGS) $(CFLAGS) $(cflags) -o $@ $< $(test_helpers) \
	  $(engine_objects) $(ldflags) $(LDFLAGS) -lcmocka $(engine_libs) $(media_libs)

engine-tests: $(engine_programs)

.PHONY: engine-tests
