#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds and runs stacks.c beside this file; needs clang and libunwind. `stacks.sh instructions` counts instructions per capture with
# valgrind instead, which repeats exactly: the difference of two runs, so that starting costs nothing.
set -e
here=$(cd "$(dirname "$0")" && pwd)
sources=$here/../../Sources
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
clang -O2 -std=gnu17 -D_GNU_SOURCE -w -fomit-frame-pointer -I"$sources/CHeaplineRecorder" -I"$sources/CHeaplineFormat/include" \
    "$here/stacks.c" "$sources"/CHeaplineRecorder/stack.c "$sources"/CHeaplineRecorder/stack_ids.c \
    "$sources"/CHeaplineRecorder/intern.c "$sources"/CHeaplineRecorder/unwind_*.c -lgcc_s -lunwind -o "$out/stacks"
if [ "$1" = instructions ]; then
    for workload in same 3leaves tree; do
        for count in 30000 60000; do
            valgrind --tool=callgrind --callgrind-out-file="$out/$workload.$count" "$out/stacks" $count $workload >/dev/null 2>&1
        done
        few=$(sed -n 's/^summary: //p' "$out/$workload.30000")
        many=$(sed -n 's/^summary: //p' "$out/$workload.60000")
        echo "$workload: $(( (many - few) / 30000 )) instructions per capture, the calling program's included"
    done
else
    "$out/stacks" "$@"
fi
