#!/bin/bash
# tests/platforms.sh: does it compile for the machines that are not here?  On Linux, with what
# "make platform-tools" brings (tools/platforms.sh says what that is); what is missing is skipped.
#   ARM    everything compiles and links, and some programs over the engine run in an emulator
#   macOS  everything compiles, nothing is run
#   floor  compilers and libraries that are too old are refused with a sentence
# What was compiled is kept in build/variant-*, so that only what changed is compiled again.
#   MAKE, JOBS, PDINCLUDEDIR as in the Makefile; TOOLS: build/platforms
set -u
cd "$(dirname "$0")/.." || exit 1
: "${MAKE:=make}" "${JOBS:=2}" "${TOOLS:=$PWD/build/platforms}" "${PDINCLUDEDIR:=/usr/include/pd}"
passed=0 failed=0 skipped=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

test_that() { # words, command ...
  local words=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok   $words"
  else
    failed=$((failed + 1))
    echo "FAIL $words:"
    grep -E ': (fatal )?error:|: warning:|FAILED|undefined reference|\*\*\*' "$work/log" | head -20 | cut -c1-300 | sed 's/^/     /'
  fi
}
skip() {
  skipped=$((skipped + 1))
  echo "SKIP $1 (make platform-tools)"
}

# ---- ARM: the optimiser is asked for little, for only that it compiles and is right is looked at

arm=(CC="aarch64-linux-gnu-gcc --sysroot=$TOOLS/arm64" folder=build/variant-arm64 CFLAGS=-O1 WERROR=1
  quick_link= LDFLAGS=-Wl,--allow-shlib-undefined)
arm_programs='gemm half pixels parallel graph weights picture film stylegan2 gradient'
arm_makes() { "$MAKE" --no-print-directory -k -j"$JOBS" "${arm[@]}" "$@"; }
arm_runs() { # program
  OPENBLAS_NUM_THREADS=1 timeout 300 qemu-aarch64 -L "$TOOLS/arm64" "build/variant-arm64/tests/test_$1"
}
if ! command -v aarch64-linux-gnu-gcc >/dev/null || [ ! -d "$TOOLS/arm64" ]; then
  skip 'ARM: there is no cross compiler or no arm64 library'
else
  test_that 'everything compiles for ARM' arm_makes everything-compiles
  test_that 'programs over the engine link for ARM' \
    arm_makes $(printf 'build/variant-arm64/tests/test_%s ' $arm_programs)
  if command -v qemu-aarch64 >/dev/null; then
    for program in $arm_programs; do test_that "test_$program runs on ARM" arm_runs "$program"; done
  else
    skip 'programs on ARM: there is no qemu-aarch64'
  fi
fi

# ---- macOS

zig=$TOOLS/zig/node_modules/.bin/zig
mac_compiles() {
  # the headers of the libraries are the same everywhere; those of the system must be Apple's
  local arch=/usr/include/$(cc -print-multiarch) library
  mkdir -p "$work/include"
  for library in cblas.h openblas_config.h fftw3.h sndfile.h zlib.h zconf.h cairo libavformat libavcodec \
    libswscale libswresample libavutil; do
    for place in "$arch" "$arch/openblas-pthread" /usr/include; do
      [ ! -e "$place/$library" ] || { ln -sfn "$place/$library" "$work/include/"; break; }
    done
  done
  rm -rf build/variant-macos/include
  mkdir -p build/variant-macos
  cp -RL "$work/include" build/variant-macos/include
  sed -i 's/OPENBLAS_OS_LINUX/OPENBLAS_OS_DARWIN/' build/variant-macos/include/openblas_config.h
  ZIG_GLOBAL_CACHE_DIR=$PWD/build/variant-macos/zig "$MAKE" --no-print-directory -k -j"$JOBS" \
    CC="$zig cc -target aarch64-macos" folder=build/variant-macos CFLAGS=-O1 WERROR=1 \
    CPPFLAGS="-isystem build/variant-macos/include" everything-compiles
}
if [ -x "$zig" ]; then
  test_that 'everything compiles for macOS' mac_compiles
else
  skip 'macOS: there is no zig'
fi

# ---- the floor

# Compiles one line after what claims to be an older version; is it refused with the sentence?
refused() { # sentence, line of C, argument of the compiler ...
  local sentence=$1 line=$2
  shift 2
  ! printf '%s\n' "$line" | cc -std=c11 -D_GNU_SOURCE -DPD -isystem "$PDINCLUDEDIR" -Iexternals "$@" \
    -fsyntax-only -xc - 2>"$work/said" && grep -q "$sentence" "$work/said"
}
mkdir -p "$work/pd" "$work/av/libavcodec" "$work/av/libavformat"
sed 's/define PD_MINOR_VERSION .*/define PD_MINOR_VERSION 52/' "$PDINCLUDEDIR/m_pd.h" >"$work/pd/m_pd.h"
test_that 'an older Pd is refused with a sentence' refused 'Pd 0.53 or newer' '#include "pd/box.h"' -I"$work/pd"
echo '#define AV_VERSION_INT(a, b, c) ((a) << 16 | (b) << 8 | (c))
#define LIBAVCODEC_VERSION_INT AV_VERSION_INT(58, 134, 100)' >"$work/av/libavcodec/avcodec.h"
: >"$work/av/libavformat/avformat.h"
test_that 'an older FFmpeg is refused with a sentence' refused 'FFmpeg 5.1 or newer' \
  '#include "engine/media/decode.h"' -I"$work/av"
test_that 'an older gcc is refused with a sentence' refused 'gcc 12 or newer' \
  '#define LATENT_SIMD 128
#include "engine/kernels/simd.h"' -U__GNUC__ -D__GNUC__=11

echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ]
