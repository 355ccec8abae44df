#!/bin/bash
# tools/package.sh <folder> <name> <version> <system>: what Pd's "Find externals" (deken) takes, from
# the installed library in <folder>/<name>:
#   <name>[v<version>](<system>).dek          the library, stripped and zipped
#   ....dek.sha256                            its checksum
#   ....dek.txt                               a line for each box: name, tab, description
#   <name>-haicuotu[v<version>].dek           the two networks that forgot (lesson 14)
#   <name>[v<version>](Sources).dek           the sources, where git knows them
# "make package" calls it.  Libraries of the system (OpenBLAS, FFmpeg) are not in the package: its
# LICENSES.txt says which each box needs, and under what licence they are.
set -eu
folder=$1 name=$2 version=$3 system=$4
sources=$PWD
command -v zip >/dev/null || { echo 'package: zip is missing (on Debian: apt-get install zip)' >&2; exit 1; }
checksum() { if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi >"$1.sha256"; }

# The licence of a library that is linked; what is not known here must be looked up first.
licence_of() {
  case $1 in
    libfftw3*) echo 'GPL-2.0-or-later' ;;
    libavformat* | libavcodec* | libavutil* | libswscale* | libswresample*)
      echo 'LGPL-2.1-or-later; as Debian and Ubuntu build it, GPL-2.0-or-later' ;;
    libsndfile*) echo 'LGPL-2.1-or-later' ;;
    libopenblas*) echo 'BSD-3-Clause' ;;
    libSDL2*) echo 'Zlib' ;;
    libmicrohttpd*) echo 'LGPL-2.1-or-later' ;;
    libcairo*) echo 'LGPL-2.1-only or MPL-1.1' ;;
    libz.*) echo 'Zlib' ;;
    libc.* | libm.* | libmvec.* | libpthread.* | libdl.* | ld-linux*) echo 'LGPL-2.1-or-later' ;;
    libgcc_s*) echo 'GPL-3.0-or-later with the GCC runtime exception' ;;
    libSystem*) echo 'part of macOS' ;;
    lib"$name"-*) echo 'BSD-3-Clause' ;;
    *) echo "package: the licence of $1 is not known; add it to tools/package.sh" >&2; return 1 ;;
  esac
}
needs_of() { # a binary
  if [ "$(uname -s)" = Darwin ]; then
    otool -L "$1" | sed -nE '2,$s|^[[:space:]]*([^ ]+/)?([^/ ]+) .*|\2|p'
  else
    LC_ALL=C readelf -d "$1" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p'
  fi
}
licences() {
  local f library licence
  echo "$name itself is under the BSD licence (3 clauses, LICENSE). Its binaries are linked with these"
  echo 'libraries of the system, which are not in this package. Where one of them is under the GPL,'
  echo 'the GPL holds for the binary when you pass it on. The sources are in the package (Sources).'
  for f in "$name"/*.so "$name"/*.dylib "$name"/*.pd_* "$name/latent-window"; do
    [ -f "$f" ] || continue
    printf '\n%s\n' "${f##*/}"
    for library in $(needs_of "$f"); do
      licence=$(licence_of "$library") || return 1
      printf '    %-24s %s\n' "$library" "$licence"
    done
  done
}

cd "$folder"
rm -f -- *.dek *.dek.*
for f in "$name"/*.so "$name"/*.dylib "$name"/*.pd_* "$name/latent-window"; do
  [ ! -f "$f" ] || strip $([ "$(uname -s)" = Darwin ] && echo -x || echo --strip-unneeded) "$f"
done
licences >"$name/LICENSES.txt"

# With the two networks that forgot the package would be twice as large, for one lesson.
extra="$name-haicuotu"
rm -rf "$extra"
mkdir "$extra"
mv "$name"/haicuotu*.safetensors "$extra"
cp "$name/examples/models/haicuotu.md" "$name/LICENSE" "$extra"
zip -9 -qr "$extra[v$version].dek" "$extra"
checksum "$extra[v$version].dek"
printf '%s\t%s\n' haicuotu.safetensors 'fish that forgot themselves over old paintings: networks for latent' \
  >"$extra[v$version].dek.txt"

dek="${name}[v$version]($system).dek"
zip -9 -qr "$dek" "$name"
checksum "$dek"

# The DESCRIPTION in the META of each help patch.  (A record ends with ; and may span lines.)
for help in "$name"/*-help.pd; do
  [ -f "$help" ] || continue
  description=$(awk '{ r = r (r == "" ? "" : " ") $0 }
                     /;$/ && !/\\;$/ { if (r ~ /^#X text [-0-9]+ [-0-9]+ DESCRIPTION /) print r; r = "" }' "$help" |
    sed -E 's/^.* DESCRIPTION //; s/(, f [0-9]+)? *;$//; s/ *\\([,;$])/\1/g' | head -1)
  box=${help##*/}
  printf '%s\t%s\n' "${box%-help.pd}" "$description"
done >"$dek.txt"

if git -C "$sources" rev-parse HEAD >/dev/null 2>&1; then
  archive="${name}[v$version](Sources).dek"
  git -C "$sources" archive --format=zip --prefix="$name/" HEAD >"$archive"
  checksum "$archive"
fi
echo "made $folder/$dek"
