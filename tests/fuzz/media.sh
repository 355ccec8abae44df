#!/bin/bash
# tests/fuzz/media.sh: writes the corpora that ffmpeg makes: a picture of every kind that is read,
# short sounds, short films.  Run by hand when a kind is added; what it wrote is in git.
set -eu
cd "$(dirname "$0")/corpus"
mkdir -p pictures sounds tracks films
make() { ffmpeg -nostdin -v error -y -bitexact "$@" || echo "this ffmpeg can't write ${*: -1}"; }
picture=(-f lavfi -i 'testsrc=size=12x10:rate=1' -frames:v 1)
for kind in bmp tiff webp jpg gif ppm pgm pam qoi sgi ras xbm xwd pcx dpx exr hdr pfm jp2 jls dds ico; do
  make "${picture[@]}" "pictures/small.$kind"
done
make "${picture[@]}" -pix_fmt rgba64be pictures/deep.png
make "${picture[@]}" -pix_fmt pal8 pictures/palette.png
make "${picture[@]}" -pix_fmt gray16le -compression_algo deflate pictures/deep.tiff
make "${picture[@]}" -pix_fmt ya8 pictures/grey-alpha.png
make -f lavfi -i 'testsrc=size=12x10:rate=5:duration=0.6' pictures/moving.webp
sound=(-f lavfi -i 'sine=440:duration=0.05:sample_rate=8000')
for kind in wav aiff au caf flac ogg mp3 w64; do
  make "${sound[@]}" "sounds/short.$kind"
  make "${sound[@]}" "tracks/short.$kind"
done
make "${sound[@]}" -c:a pcm_f32le -ac 2 sounds/float.wav
make "${sound[@]}" -c:a adpcm_ima_wav sounds/adpcm.wav
make "${sound[@]}" -c:a libopus -ar 48000 sounds/short.opus
for kind in m4a mka avi aac wv mp2; do make "${sound[@]}" "tracks/short.$kind"; done
film=(-f lavfi -i 'testsrc=size=16x16:rate=10:duration=0.3')
make "${film[@]}" -c:v mpeg4 films/small.avi
make "${film[@]}" -c:v mjpeg films/small.mov
make "${film[@]}" -f lavfi -i 'sine=440:duration=0.3:sample_rate=8000' -c:v libx264 -c:a aac films/sound.mp4
make "${film[@]}" -c:v ffv1 films/small.mkv
find . -type f -size +24k -exec rm -v {} +
