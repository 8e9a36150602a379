// SPDX-License-Identifier: Apache-2.0
//
// Blocks that grew step by step: which stack reallocates, how often the block had to move, and what was copied for it.

const growth = {
  start(panel) {
    const columns = [
      { key: "name", label: "Function ← caller", kind: "name", text: (row) => stacks.text(row[0]), value: (row) => labels()[row[0]].name,
        cell: (row) => stacks.nameCell(row[0]), hover: (row) => stacks.text(row[0]) },
      numberColumn("count", "Reallocations", shortCount, (row) => row[1]),
      numberColumn("moves", "Moved", shortCount, (row) => row[2], { title: "The block got another address: its content was copied" }),
      { ...numberColumn("share", "Share moved", (value) => percent(value, 1), (row) => (row[1] ? row[2] / row[1] : 0), { total: null }), hover: null },
      numberColumn("copied", "Copied", bytes, (row) => row[3], { title: "Bytes of the old blocks when they moved" }),
      numberColumn("grown", "Grown", bytes, (row) => row[4], { title: "Sum of all increases" }),
      { ...numberColumn("chain", "Longest chain", count, (row) => row[5], { total: null, title: "Most reallocations of one block" }),
        cell: (row) => document.createTextNode(row[5] >= 255 ? "255 or more" : count(row[5])) },
    ];
    const table = new Table({ name: "growth", columns, sort: ["copied", "descending"], rowId: (row) => row[0], detail: (row) => stackDetail(row[0]),
      placeholder: "Filter by function, file or module", searchText: (row) => stackText(row[0]), empty: "Nothing was reallocated." });
    table.set(recorded.growth);
    panel.append(make("p.note", { id: "growth-note" }, `A long chain with many moves says that a block grows in small steps: reserve its final size at once, or double it.${onlySurvivors ? ` ${survivorsNote}` : ""}`), table.element);
  },
  scope: () => "the whole run, not the selection",
  draw() {},
};
