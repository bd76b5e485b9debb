#!/bin/sh
# Run a compiler, and give an object again that an earlier test compiled from the same source of the
# firmware by the same options. Tests build hundreds of images, and most of their files are equal.
#
#   cached_compiler.sh COMPILER OPTIONS... -o OBJECT -c SOURCE
#
# MLUT_TEST_OBJECTS is the folder of the objects, MLUT_TEST_FIRMWARE that of the firmware, which
# does not change while tests run. ccache would do, but leaves out the call graph beside an object.
set -eu
source='' object='' previous=''
for word in "$@"; do
    [ "$previous" = -o ] && object=$word
    previous=$word
    source=$word
done
case $(readlink -f "$source") in
"$MLUT_TEST_FIRMWARE"/src/*) included='' ;;
"$MLUT_TEST_FIRMWARE"/*.c)
    [ -d ../config ] && [ -d ../model ] || exec "$@" # somewhere else than where `build` compiles
    included=$(cat ../config/*.h ../model/*.h)
    ;;
*) exec "$@" ;;
esac
work=$(dirname "$PWD") # differs from build to build; the objects have no trace of it
options=$(printf '%s\n' "$@" | sed "s|$work/|/|g; s|^$object|OBJECT|")
kept=$MLUT_TEST_OBJECTS/$(printf '%s\n' "$options" "$included" | sha256sum | cut -d ' ' -f 1)
calls=${object%.*}.ci
if [ -f "$kept.o" ]; then
    cp "$kept.o" "$object"
    [ ! -f "$kept.ci" ] || cp "$kept.ci" "$calls"
    exit
fi
"$@"
[ -f "$object" ] || exit 0
# Another process may do the same, and may look before both files are there: the object comes last.
[ ! -f "$calls" ] || { cp "$calls" "$kept.ci.$$" && mv "$kept.ci.$$" "$kept.ci"; }
cp "$object" "$kept.o.$$" && mv "$kept.o.$$" "$kept.o"
