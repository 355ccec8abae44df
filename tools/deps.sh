#!/bin/bash
# tools/deps.sh [demo]: installs the packages of Debian (12, 13) or Ubuntu (24.04) that latent needs to
# be built and run and, without "demo", to be tested.  Says nothing, and needs no network, when they are all there.
set -u
build='gcc libc6-dev make puredata-dev libopenblas-dev zlib1g-dev libcairo2-dev libfftw3-dev
  libsndfile1-dev libavformat-dev libavcodec-dev libswscale-dev libswresample-dev libavutil-dev
  libsdl2-dev libmicrohttpd-dev'
# The font is for the Chinese in helps and lessons; the smallest that has both writings (1.6 MB).
run='puredata-core puredata-gui puredata-extra fonts-wqy-microhei'
test='libcmocka-dev clang libclang-rt-dev clang-format valgrind xvfb xauth xdotool x11-utils
  imagemagick blackbox jackd2 procps zip unzip'

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo 'latent: this system has no apt-get. Please install these yourself: gcc 12 or newer or clang,'
  echo '  make, Pd 0.53 or newer with its headers (m_pd.h), OpenBLAS, zlib, Cairo, FFTW (single'
  echo '  precision, with threads), libsndfile, FFmpeg 5.1 or newer with its headers, SDL2,'
  echo '  libmicrohttpd, a Chinese font;'
  echo '  for the tests cmocka, clang, valgrind, Xvfb, xdotool and ImageMagick.'
  exit 0
fi

missing_of() {
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}
wanted="$build $run"
[ "${1:-}" = demo ] || wanted="$wanted $test"
missing=$(missing_of $wanted)
[ -n "$missing" ] || exit 0

root=()
if [ "$(id -u)" != 0 ]; then
  root=(sudo)
  if ! command -v sudo >/dev/null; then
    echo "latent: as root, please: apt-get install" $missing >&2
    exit 1
  fi
fi
install() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}
echo 'latent: installing' $missing
"${root[@]}" apt-get update -q || echo 'latent: the lists of packages could not be renewed' >&2
# All at once; where one can't be had, at least the others.
install $missing || for package in $missing; do install "$package"; done
missing=$(missing_of $wanted)
[ -z "$missing" ] || echo 'latent: could not install' $missing >&2
[ -z "$(missing_of $build $run)" ] # without the rest some tests are skipped
