// SPDX-License-Identifier: Apache-2.0
//
// Where the blocks that are alive at the end lie: how full each stretch of addresses is, and which blocks keep holes apart.

const fragmentation = {
  start(panel) {
    const { areas, pins, total: all } = recorded.fragmentation;
    const several = recorded.processes.length > 1;
    const owner = { key: "process", label: "Process", text: (row) => `${recorded.processes[row.process].name} ${recorded.processes[row.process].pid}`, value: (row) => row.process };
    const columns = [
      { key: "start", label: "Area", kind: "name", text: (row) => [row.name, row.start].filter(Boolean).join(" · "), value: (row) => Number(row.start), hover: (row) => row.start },
      numberColumn("bytes", "Size", bytes, (row) => row.bytes),
      { ...numberColumn("live", "Alive", bytes, (row) => row.liveBytes), cell: (row) => make("span", {}, bytes(row.liveBytes), make("span.share", {}, barFill(row.liveBytes / (row.bytes || 1)))) },
      numberColumn("blocks", "Blocks", shortCount, (row) => row.blocks), numberColumn("holes", "Holes", shortCount, (row) => row.holes),
      numberColumn("holeBytes", "In holes", bytes, (row) => row.holeBytes), numberColumn("largest", "Largest hole", bytes, (row) => row.largestHole, { total: null }),
      { ...numberColumn("index", "Scattered", (value) => percent(value, 1), (row) => (row.holeBytes ? 1 - row.largestHole / row.holeBytes : 0), { total: null, title: "How much of the free space is not in its largest piece" }), hover: null },
    ];
    if (several) columns.splice(1, 0, owner);
    const table = new Table({ name: "fragmentation", columns, sort: ["holeBytes", "descending"], page: 15, searchText: (row) => `${row.name} ${row.start}`, empty: "Nothing is alive." });
    table.set(areas);
    const isChip = Boolean(recorded.heapMap && recorded.heapMap.regions.length);
    panel.append(make("p.note", {}, `${isChip ? "The heap's regions" : "Stretches of addresses at least 1 MiB apart"} at the end of the recording. Holes are what lies between blocks: free space, and the allocator's own headers and rounding.${all > areas.length ? ` The ${count(areas.length)} with the most in holes of ${count(all)}.` : ""}`), table.element);
    if (!pins.length) return;
    const pinned = new Table({ name: "pins", sort: ["joined", "descending"], page: 16, rowId: (row) => row.address, detail: (row) => stackDetail(row.row), searchText: (row) => `${row.address} ${stackText(row.row)}`,
      columns: [
        { key: "name", label: "Function ← caller", kind: "name", text: (row) => stacks.text(row.row), value: (row) => stacks.text(row.row), cell: (row) => stacks.nameCell(row.row) },
        numberColumn("bytes", "Block", bytes, (row) => row.bytes, { total: null }),
        numberColumn("joined", "Would join", bytes, (row) => row.joined, { total: null, title: "The hole there would be without this block" }),
        { key: "address", label: "Address", kind: "name", text: (row) => row.address, value: (row) => Number(row.address) },
        numberColumn("time", "Allocated at", duration, (row) => row.time, { total: null }),
        ...(several ? [owner] : []),
      ] });
    pinned.set(pins);
    panel.append(make("h3", {}, "Blocks that keep the largest holes apart"), pinned.element);
  },
  scope: () => "the end of the recording, not the selection",
  draw() {},
};
