# latent: boxes for Pure Data that play the latent space of generative networks
#
#   make demo      install what is needed, build, and open the first patch
#   make check     build and run every test (make check-fast: the engine and the patches only)
#   make           build the library folder, build/latent
#   make deps      install Debian's packages (as root or by sudo)
#   make models    train the built-in models again (examples/models), or go on: hours
#   make hooks     let git check the rules of the house before each commit
#   make bench     how fast the networks run on this machine
#   make stage     ten minutes of everything at once: drop-outs, holds, pictures, memory
#   make install   copy the library to $(DESTDIR)$(PDLIBDIR)
#   make package   build/package/latent[v...](...).dek for Pd's "Find externals"
#   make floatsize=64                     for double-precision Pd
#   make check SANITIZE=address,undefined or SANITIZE=thread
#   make screenshots                      the README's pictures again (docs/*.png)
#   make WERROR=1                         a warning stops it: what "make check" builds is built so

.DEFAULT_GOAL = all

name = latent
version = 0.1.0

CC ?= cc
ifeq ($(shell uname -s),Darwin)
  # Where Pd's installer and Homebrew put things.
  pd_app := $(lastword $(sort $(wildcard /Applications/Pd*.app)))/Contents/Resources
  PD ?= $(pd_app)/bin/pd
  PDINCLUDEDIR ?= $(pd_app)/src
  PDLIBDIR ?= $(HOME)/Library/Pd
  brew := $(shell brew --prefix)
  CPPFLAGS += -I$(brew)/include -I$(brew)/opt/openblas/include
  LDFLAGS += -L$(brew)/lib -L$(brew)/opt/openblas/lib
endif
PD ?= pd
PDINCLUDEDIR ?= /usr/include/pd
PDLIBDIR ?= /usr/local/lib/pd-externals
floatsize ?= 32
SANITIZE ?=
WERROR ?=
empty :=
comma := ,
space := $(empty) $(empty)

# A sanitized or double-precision build lives in a folder of its own.  The engine knows no Pd: both
# precisions share its objects.
sanitized = $(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
folder = build$(if $(1),/variant$(1))
top = $(call folder,$(sanitized)$(if $(filter 64,$(floatsize)),-64))
BUILD = $(top)/$(name)
obj = $(top)/obj
engine_obj = $(call folder,$(sanitized))/obj/engine

# With -O3, or where a debugger is to know each variable, the kernels take minutes to compile for the
# address sanitizer.  The thread sanitizer watches each number that stays in memory.
CFLAGS ?= $(if $(SANITIZE),$(if $(findstring thread,$(SANITIZE)),-O2,-O1) -g1,-O3 -g)
# Of a box Pd must see the setup function; whatever else is to be seen says so itself.
visibility = $(if $(filter externals/$(name).% tests/helpers/%,$<),default,hidden)
cflags = -std=c11 -fPIC -fvisibility=$(visibility) -pthread -ffp-contract=off -Wall -Wextra \
         $(if $(WERROR),-Werror) -Wno-cast-function-type $(sanitize) $(if $(SANITIZE),-fno-omit-frame-pointer)
cppflags = -D_GNU_SOURCE -DPD -isystem $(PDINCLUDEDIR) -Iexternals -DLATENT_VERSION='"$(version)"' \
           -MMD -MP $(if $(filter 64,$(floatsize)),-DPD_FLOATSIZE=64)
ldflags = -pthread $(sanitize)

# A sanitizer's runtime must be in the process before Pd is: the tests preload it.
ifneq ($(SANITIZE),)
  # A number too large for a whole one is undefined as well, but has to be asked for.
  sanitize = -fsanitize=$(SANITIZE) $(if $(findstring undefined,$(SANITIZE)),-fsanitize=float-cast-overflow -fno-sanitize-recover=undefined$(comma)float-cast-overflow)
  ifneq ($(findstring clang,$(shell $(CC) --version)),)
    sanitize += -shared-libsan -Wl,-rpath,$(dir $(preload)) -Wno-unused-command-line-argument
    preload := $(shell $(CC) -print-file-name=libclang_rt.$(if $(filter thread,$(SANITIZE)),tsan,asan)-$(shell uname -m).so)
  else
    preload := $(foreach s,$(subst $(comma),$(space),$(subst undefined,ub,$(SANITIZE))),$(shell $(CC) -print-file-name=lib$(patsubst address%,a%,$(patsubst thread%,t%,$(s)))san.so))
  endif
endif

machine := $(subst x86_64,amd64,$(subst aarch64,arm64,$(shell uname -m)))
ifeq ($(shell uname -s),Darwin)
  os = darwin
  dekos = Darwin
  shlib = dylib
  ext32 = pd_darwin
  link = $(CC) -bundle -undefined suppress -flat_namespace -Wl,-rpath,@loader_path $(ldflags) $(LDFLAGS)
  linkshared = $(CC) -dynamiclib -undefined suppress -flat_namespace -install_name @rpath/$(notdir $@) $(ldflags) $(LDFLAGS)
else
  os = linux
  dekos = Linux
  shlib = so
  ext32 = pd_linux
  link = $(CC) -shared -Wl,-rpath,'$$ORIGIN' $(ldflags) $(LDFLAGS)
  linkshared = $(CC) -shared -Wl,-soname,$(notdir $@) $(ldflags) $(LDFLAGS)
endif
ext = $(if $(filter 64,$(floatsize)),$(os)-$(machine)-64.so,$(ext32))

# The engine is one library; media (FFmpeg), sound (FFTW) and sound files (libsndfile) are linked only
# by the boxes that need them.
classes := $(patsubst externals/%.c,%,$(wildcard externals/$(name).*.c))
media_sources := $(wildcard externals/engine/media/*.c)
sound_sources := $(wildcard externals/engine/sound/*.c)
stream_sources := externals/engine/stage/stream.c
engine_sources := $(filter-out $(media_sources) $(sound_sources) $(stream_sources),$(wildcard externals/engine/*/*.c))
shared_sources := $(engine_sources) $(filter-out externals/pd/feature_parameters.c,$(wildcard externals/pd/*.c))
objects = $(patsubst externals/%.c,$(obj)/%.o,$(patsubst externals/engine/%.c,$(engine_obj)/%.o,$(1)))
shared = $(BUILD)/lib$(name)-$(floatsize).$(shlib)
binaries = $(classes:%=$(BUILD)/%.$(ext))
data = $(patsubst help/%,$(BUILD)/%,$(wildcard help/*.pd help/*.png)) \
       $(patsubst abstractions/%,$(BUILD)/%,$(wildcard abstractions/*.pd)) \
       $(patsubst examples/models/%,$(BUILD)/%,$(wildcard examples/models/*.safetensors)) \
       $(BUILD)/$(name)-meta.pd $(BUILD)/README.md $(BUILD)/CONTRIBUTING.md $(BUILD)/LICENSE

# What is built only where its library is; without it the boxes say what to install.
has = $(shell printf '\043include <$(1)>\n' | $(CC) $(CPPFLAGS) -E -x c - >/dev/null 2>&1 && echo yes)
has_microhttpd := $(call has,microhttpd.h)
programs := $(if $(call has,SDL2/SDL.h),$(BUILD)/latent-window)

engine_libs = -lopenblas -lcairo -lz -lm
media_libs = -lavformat -lavcodec -lswscale -lswresample -lavutil
media_classes = $(name).write $(name).image $(name).dataset $(name).train $(name).stream
$(media_classes:%=$(BUILD)/%.$(ext)): $(call objects,$(media_sources))
class_libs = $(if $(filter $*,$(media_classes)),$(call objects,$(media_sources)) $(media_libs)) $(sound_of_$*)

track_objects = $(foreach s,track decode orientation heif kinds,$(engine_obj)/media/$(s).o)
# Which parts of engine/sound a box has, and their libraries.
sound_libs = -lfftw3f_threads -lfftw3f -lsndfile
sound_objects = $(foreach s,$(1),$(engine_obj)/sound/$(s).o)
ear_objects = $(call sound_objects,ear spectrum onset pitch tempo fft) $(obj)/pd/feature_parameters.o
sound_of_$(name).ear~ = $(ear_objects) -lfftw3f_threads -lfftw3f
sound_of_$(name).soundfile = $(ear_objects) $(call sound_objects,soundfile) $(sound_libs) \
                              $(track_objects) $(media_libs)
sound_of_$(name).voice~ = $(call sound_objects,voice fft) -lfftw3f_threads -lfftw3f
sound_of_$(name).noise = $(call sound_objects,colour fft) -lfftw3f_threads -lfftw3f
stream_libs = $(if $(has_microhttpd),-lmicrohttpd)
sound_of_$(name).stream = $(call objects,$(stream_sources)) $(stream_libs)
sound_classes = ear~ soundfile voice~ noise stream
$(foreach c,$(sound_classes),$(eval $(BUILD)/$(name).$(c).$(ext): $(filter %.o,$(sound_of_$(name).$(c)))))

all: $(shared) $(binaries) $(data) $(programs)
	$(if $(programs),,@echo 'latent: there is no SDL2 (libsdl2-dev): [latent.window] is built without its window')
	$(if $(has_microhttpd),,@echo 'latent: there is no libmicrohttpd (libmicrohttpd-dev): [latent.stream] is built without its server')

# Compiled anew is only what this user has not compiled before, where there is a ccache (and the
# compiler is none by itself).
ccache := $(if $(findstring ccache,$(CC) $(realpath $(shell command -v $(firstword $(CC))))),,$(shell command -v ccache))
define compile
@mkdir -p $(@D)
$(ccache) $(CC) $(cppflags) $(CPPFLAGS) $(CFLAGS) $(cflags) -c -o $@ $<
endef
$(obj)/%.o: externals/%.c
	$(compile)
$(engine_obj)/%.o: externals/engine/%.c
	$(compile)
$(shared): $(call objects,$(shared_sources))
	@mkdir -p $(@D)
	$(linkshared) -o $@ $^ $(engine_libs)
$(BUILD)/%.$(ext): $(obj)/%.o $(shared)
	$(link) -o $@ $< $(shared) $(class_libs) -lm
$(BUILD)/latent-window: $(obj)/programs/latent-window.o
	@mkdir -p $(@D)
	$(CC) -o $@ $< $(ldflags) $(LDFLAGS) -lSDL2
$(BUILD)/%.pd: help/%.pd
	@mkdir -p $(@D)
	cp $< $@
$(BUILD)/%.png: help/%.png
	@mkdir -p $(@D)
	cp $< $@
$(BUILD)/%.pd: abstractions/%.pd
	@mkdir -p $(@D)
	cp $< $@
$(BUILD)/%.safetensors: examples/models/%.safetensors
	@mkdir -p $(@D)
	cp $< $@
$(BUILD)/README.md $(BUILD)/CONTRIBUTING.md $(BUILD)/LICENSE: $(BUILD)/%: %
	@mkdir -p $(@D)
	cp $< $@
$(BUILD)/$(name)-meta.pd: Makefile
	@mkdir -p $(@D)
	printf '%s\n' '#N canvas 10 10 300 160 12;' '#N canvas 20 20 420 180 META 0;' \
	  '#X text 10 10 NAME $(name);' '#X text 10 30 VERSION $(version);' \
	  '#X text 10 50 LICENSE BSD-3-Clause \, with FFTW or Debian FFmpeg GPL: see README;' '#X restore 10 10 pd META;' > $@

include tests/tests.mk

# The programs that train what lies in examples/models. Each goes on where it was stopped; what they
# keep for that lies in $(top)/models.
$(obj)/tools/%.o: tools/%.c
	$(compile)
$(top)/tools/%: $(obj)/tools/%.o $(call objects,$(engine_sources) $(media_sources))
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(ldflags) $(LDFLAGS) $(engine_libs) $(media_libs)
clip = examples/models/clip-tiny.safetensors
clip-model: $(top)/tools/train_clip
	@mkdir -p $(top)/models
	$< $(top)/models/clip-tiny.checkpoint $(clip) attack 4
near = $< $(top)/models/fish-near rule:fish -threads $(JOBS) -last 0 -critic 192,128,64,48,32 \
  -from $(top)/models/fish-eye/model.safetensors -seen 412000 -alone 8000 -part 0.06 \
  -eye $(clip) -score $(clip)
fish-model: $(top)/tools/train
	@mkdir -p $(top)/models
	$< $(top)/models/fish rule:fish -seed 1 -threads $(JOBS) -images 246000 -last 12000 -score $(clip)
	$< $(top)/models/fish-eye rule:fish -threads $(JOBS) -from $(top)/models/fish/model.safetensors \
	  -seen 246000 -alone 6000 -images 412000 -last 26000 -slow 0.6 -r1 5 -critic 192,128,64,48,32 \
	  -eye $(clip) -score $(clip)
	$(near) -images 420000 -r1 0.3
	$(near) -images 426000 -rate 0.0015 -slow 0.4 -r1 0.5
	$(near) -images 432000 -rate 0.0015 -slow 0.5 -r1 1.5
	$(near) -images 440000 -rate 0.001 -slow 0.6 -r1 3
	$(near) -images 455000 -rate 0.0006 -slow 0.7 -r1 5
	$(near) -images 470000 -rate 0.0003 -slow 0.7 -r1 5
	cp $(top)/models/fish-near/model.safetensors examples/models/fish.safetensors
diffusion-model: $(top)/tools/train_diffusion
	@mkdir -p $(top)/models
	$< $(top)/models/fish-diffusion source first:fish images 75000 kept 32768
	cp $(top)/models/fish-diffusion/model.safetensors examples/models/fish-diffusion.safetensors
models:
	$(MAKE) clip-model
	$(MAKE) fish-model
	$(MAKE) diffusion-model

deps:
	tools/deps.sh

# For those who change the code: git asks tools/hooks before each commit.
hooks:
	git config core.hooksPath tools/hooks

# For check-platforms.
platform-tools:
	tools/platforms.sh build/platforms

demo:
	tools/deps.sh demo
	$(MAKE) -j$(JOBS) all
	PD='$(PD)' tools/demo.sh '$(BUILD)'

install: all
	install -d '$(DESTDIR)$(PDLIBDIR)/$(name)'
	install -m 644 $(shared) $(binaries) $(data) '$(DESTDIR)$(PDLIBDIR)/$(name)'
	$(if $(programs),install -m 755 $(programs) '$(DESTDIR)$(PDLIBDIR)/$(name)')
	cp -R examples docs '$(DESTDIR)$(PDLIBDIR)/$(name)'
	rm -f '$(DESTDIR)$(PDLIBDIR)/$(name)'/examples/models/*.safetensors # they lie beside the boxes

# The pictures of the README, from real patches.
screenshots: all
	PD='$(PD)' tools/screenshots.sh '$(BUILD)' docs

package: all
	rm -rf $(top)/package
	$(MAKE) --no-print-directory install DESTDIR='$(abspath $(top))/package' PDLIBDIR=
	tools/package.sh $(top)/package '$(name)' '$(version)' '$(dekos)-$(machine)-$(floatsize)'

clean:
	rm -rf build

.PHONY: all models clip-model fish-model diffusion-model deps hooks platform-tools demo install package screenshots clean
.SECONDARY:
-include $(shell find $(sort $(obj) $(dir $(engine_obj))) -name '*.d' 2>/dev/null)
