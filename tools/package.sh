#!/bin/bash
# tools/package.sh <folder> <name> <version> <system>: what Pd's "Find externals" (deken) takes, from
# the installed library in <folder>/<name>:
#   <name>[v<version>](<system>).dek          the library, zipped
#   ....dek.sha256                            its checksum
#   ....dek.txt                               a line for each box: name, tab, description
#   <name>[v<version>](Sources).dek           the sources, where git knows them
# "make package" calls it.  Libraries of the system (OpenBLAS, FFmpeg) are not in the package.
set -eu
folder=$1 name=$2 version=$3 system=$4
sources=$PWD
command -v zip >/dev/null || { echo 'package: zip is missing (on Debian: apt-get install zip)' >&2; exit 1; }
cd "$folder"
dek="${name}[v$version]($system).dek"
rm -f -- *.dek *.dek.*
zip -qr "$dek" "$name"
sha256sum "$dek" >"$dek.sha256"

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
  sha256sum "$archive" >"$archive.sha256"
fi
echo "made $folder/$dek"
