#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes the fixtures anew: needs aarch64-linux-gnu-gcc and qemu-aarch64. The program is kept without debug information.
set -e
cd "$(dirname "$0")"
record() {
    name=$1
    shift
    aarch64-linux-gnu-gcc -std=gnu17 -w "$@" -fasynchronous-unwind-tables -no-pie -Wl,-z,max-page-size=4096 \
        -Wl,-Ttext-segment=0x4000000000 -Wl,--build-id=none -s -o "Fixtures/$name.elf" record.c -lpthread
    qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu "Fixtures/$name.elf" > "Fixtures/$name.stacks"
}
record optimized -O2 -fomit-frame-pointer
record protected -O1 -mbranch-protection=standard
record unoptimized -O0
