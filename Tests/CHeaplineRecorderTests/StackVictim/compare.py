# SPDX-License-Identifier: Apache-2.0
#
# Run by gdb: at each stop in gdb_stop(), compares gdb's backtrace with gdb_pcs. Prints "stops N mismatches M lost L".
# Lost are stacks in which gdb itself went astray, to an address where nothing is mapped: what comes before is compared.
import gdb

STOPS = 40


def backtrace(first):
    frame = gdb.newest_frame()
    pcs = []
    while frame is not None:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            pcs.append(frame.pc())
        frame = frame.older()
    global lost
    mapped = mappings()
    for i, pc in enumerate(pcs):
        if not any(start <= pc < end for start, end in mapped):
            pcs = pcs[:i]
            lost += 1
            break
    while pcs and gdb.execute("info symbol 0x%x" % pcs[-1], to_string=True).startswith("No symbol"):
        pcs.pop()  # gdb takes the program's arguments for frames, outward of the dynamic linker's entry
    return pcs[pcs.index(first):] if first in pcs else pcs


def mappings():
    with open("/proc/%d/maps" % gdb.selected_inferior().pid) as lines:
        return [tuple(int(end, 16) for end in line.split()[0].split("-")) for line in lines]


def value(name):
    return int(gdb.parse_and_eval("(unsigned long)" + name))


stops = mismatches = lost = 0
gdb.execute("set pagination off")
gdb.execute("set confirm off")
gdb.execute("set breakpoint pending on")
gdb.execute("set backtrace past-main on")
gdb.execute("set backtrace past-entry on")
gdb.execute("set backtrace limit 1000")
gdb.execute("handle all nostop noprint pass", to_string=True)
gdb.execute("break gdb_stop", to_string=True)
gdb.execute("run", to_string=True)
while stops < STOPS and gdb.selected_inferior().pid != 0:
    count = value("gdb_count")
    ours = [int(gdb.parse_and_eval("((unsigned long *)&gdb_pcs)[%d]" % i)) for i in range(count)]
    lost_before = lost
    theirs = backtrace(ours[0])
    stops += 1
    compared = len(theirs) if lost > lost_before else 200
    if ours[:compared] != theirs[:200] or value("gdb_root") not in (1, 2):
        mismatches += 1
        if mismatches < 3:
            print("ours   root %d: %s" % (value("gdb_root"), " ".join("%x" % pc for pc in ours)))
            print("theirs: " + " ".join("%x" % pc for pc in theirs))
    gdb.execute("continue", to_string=True)
print("stops %d mismatches %d lost %d" % (stops, mismatches, lost))
gdb.execute("kill" if gdb.selected_inferior().pid != 0 else "echo", to_string=True)
