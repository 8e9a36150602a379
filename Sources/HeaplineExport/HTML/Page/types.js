// SPDX-License-Identifier: Apache-2.0
//
// What the live blocks are, where the recording says so; otherwise how large they are, and what to record instead.

const types = {
  name(row) { return row.kind === "size" ? `up to ${count(Number(row.name))} B` : row.name; },

  start(panel) {
    const known = recorded.types;
    if (known && known.rows.length) {
      const table = new Table({ name: "types", sort: ["bytes", "descending"], placeholder: "Filter by type", searchText: (row) => this.name(row),
        columns: [
          { key: "name", label: "Type", kind: "name", text: (row) => this.name(row), value: (row) => this.name(row), hover: (row) => this.name(row) },
          { key: "kind", label: "Known from", text: (row) => ({ cxx: "C++ vtable", swift: "Swift metadata", size: "size only" }[row.kind] || row.kind), value: (row) => row.kind },
          numberColumn("blocks", "Blocks", shortCount, (row) => row.blocks), numberColumn("bytes", "Bytes", bytes, (row) => row.bytes),
          numberColumn("size", "Mean size", bytes, (row) => (row.blocks ? row.bytes / row.blocks : null), { total: null }),
          numberColumn("leaked", "Unreachable blocks", shortCount, (row) => row.leaked),
          ...(known.hasPeak ? [numberColumn("peakBytes", "At the peak", bytes, (row) => row.peakBytes), numberColumn("peakBlocks", "Blocks at the peak", shortCount, (row) => row.peakBlocks)] : []),
        ] });
      table.set(known.rows);
      panel.append(make("p.note", { id: "types-note" }, "Blocks alive at the end, by what their first word points to; a size class where it says nothing." + (known.hasPeak ? " At the peak, blocks freed since are counted as what others of their stack are, or by their stack's mean size." : "") + (known.total > known.rows.length ? ` The first ${count(known.rows.length)} of ${count(known.total)}.` : "")), table.element);
      return;
    }
    panel.append(make("p.note", { id: "types-note" }, "Recorded without types: they come from the first word of each live block, noted when the program searches its memory (modes all and leaks, unless recorded with --no-verdicts or killed). Below, the live blocks by size."),
      make("div.charts", {}, histogramBox("Live bytes by size", recorded.leaks.sizes, bytes, "bytes"), histogramBox("Live blocks by size", recorded.leaks.sizes, bytes, "blocks")));
  },
  scope: () => "the end of the recording, not the selection",
  draw() {},
};
