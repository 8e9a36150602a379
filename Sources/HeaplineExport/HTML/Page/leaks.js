// SPDX-License-Identifier: Apache-2.0
//
// What is alive at the end: by stack, with age, thread and verdict where the program searched its memory; by size; by age.

const verdicts = { 0: ["not searched", ""], 1: ["unreachable", "bad"], 2: ["reachable from unreachable", "bad"], 3: ["still reachable", "ok"] };

const leaks = {
  only: null,  // the verdict that is shown by itself

  start(panel) {
    if (onlyTotals && recorded.totals.liveBlocks) {
      panel.append(make("p.note", { id: "leaks-note" }, `${counted(recorded.totals.liveBlocks, "block")} ${recorded.totals.liveBlocks === 1 ? "was" : "were"} never freed. This recording holds totals only (mode count): record with --mode leaks or --mode all to see which.`));
      return;
    }
    // In a selection, ages are known of stacks whose live blocks all came to be in it.
    const known = (row) => {
      const [from, to] = rangeTimes();
      return row[0] !== recorded.kept && (!chosen.range || (row[3] >= from && row[4] <= to));
    };
    const age = (row, column) => (known(row) ? recorded.duration - row[column] : null);
    const columns = [
      { key: "name", label: "Function ← caller", kind: "name", text: (row) => stacks.text(row[0]), value: (row) => labels()[row[0]].name,
        cell: (row) => stacks.nameCell(row[0]), hover: (row) => stacks.text(row[0]) },
      numberColumn("bytes", "Bytes", bytes, (row) => row[2]), numberColumn("blocks", "Blocks", shortCount, (row) => row[1]),
      numberColumn("size", "Mean size", bytes, (row) => (row[1] ? row[2] / row[1] : null), { total: null }),
      { ...numberColumn("oldest", "Oldest", duration, (row) => age(row, 3), { total: null, title: "Age of the oldest block at the end" }), hover: (row) => (known(row) ? `allocated at ${duration(row[3])}` : null) },
      { ...numberColumn("newest", "Newest", duration, (row) => age(row, 4), { total: null, title: "Age of the newest block at the end" }), hover: (row) => (known(row) ? `allocated at ${duration(row[4])}` : null) },
      { key: "threads", label: "Threads", kind: "text", text: (row) => [...new Set(row[5])].join(", "), value: (row) => [...new Set(row[5])].join(", ") },
    ];
    columns[1].cell = (row) => make("span", {}, bytes(row[2]), make("span.share", {}, barFill(row[2] / (recorded.totals.liveBytes || 1))));
    if (recorded.errors) {
      columns.splice(2, 0, numberColumn("error", "±", bytes, (row) => (chosen.range || !recorded.errors[row[0]] ? null : recorded.errors[row[0]][3]), { total: null, title: "Standard error of the estimate of bytes" }));
    }
    if (recorded.leaks.verdicts.length) {
      columns.push({ key: "verdict", label: "Verdict", text: (row) => row[6].map((item) => verdicts[item[0]][0]).join(", "), value: (row) => row[6].length ? -row[6][0][0] : -9,
        cell: (row) => make("span", {}, row[7] ? row[7].startsWith("leak:") ? make("span.pill", { title: "A suppression file names these" }, `suppressed by ${row[7]}`) : make("span.pill", { title: "A runtime keeps these on purpose" }, `kept by ${row[7]}`) : null, ...row[6].map(([kind, blocks]) => make(`span.pill${verdicts[kind][1] ? `.${verdicts[kind][1]}` : ""}`, { title: `${count(blocks)} blocks` }, verdicts[kind][0]))) });
    }
    this.table = new Table({ name: "never-freed", columns, sort: ["bytes", "descending"], rowId: (row) => row[0], detail: (row) => stackDetail(row[0]),
      placeholder: "Filter by function, file or module", searchText: (row) => stackText(row[0]), empty: "Everything was freed." });
    const notes = [];
    const found = this.withRest();
    const groups = make("div.chips", { id: "leaks-verdicts", role: "group", "aria-label": "Which blocks" });
    if (recorded.leaks.verdicts.length) {
      const chip = (kind, label, blocks, size) => make("button.chip", { type: "button", "aria-pressed": String(this.only === kind), title: `${count(blocks)} blocks`, onclick: (event) => {
        this.only = kind;
        for (const other of groups.children) other.setAttribute("aria-pressed", "false");
        event.currentTarget.setAttribute("aria-pressed", "true");
        drawScope(views.find((item) => item.view === leaks));
        this.draw();
      } }, `${label} · ${bytes(size)}`);
      groups.append(chip(null, "all", recorded.totals.liveBlocks, recorded.totals.liveBytes), ...found.map(([kind, blocks, size]) => chip(kind, verdicts[kind][0], blocks, size)));
      notes.push("What the search of the program's memory found, at its end or when it was asked for. Unreachable blocks are leaks: nothing points to them any more.");
      if (found.some((item) => item[0] === 0)) notes.push("Programs that were killed, or recorded with --no-verdicts, were not searched.");
    } else {
      notes.push("Blocks that nobody freed; many programs keep some until they end on purpose. This recording does not tell which of them are leaks.");
    }
    if (recorded.leaks.replacedBlocks) notes.push(`${bytes(recorded.leaks.replacedBytes)} in ${count(recorded.leaks.replacedBlocks)} blocks were alive in programs that exec replaced; they are not in this table.`);
    if (recorded.leaks.rows.length < recorded.leaks.groups) notes.push(`${count(recorded.leaks.rows.length)} of ${count(recorded.leaks.groups)} stacks are listed.`);
    const charts = make("div.charts", {}, histogramBox("By size", recorded.leaks.sizes, bytes, "bytes"), histogramBox("By age at the end", recorded.leaks.ages, duration, "bytes"));
    panel.append(make("p.note", { id: "leaks-note" }, notes.join(" ")), groups, this.table.element, charts);
  },

  /** Sums by verdict with those of what was not searched, so that they add up; in each row, too. */
  withRest() {
    const known = recorded.leaks.verdicts, sum = (list, column) => list.reduce((all, item) => all + item[column], 0);
    if (!known.length) return known;
    for (const row of recorded.leaks.rows) {
      const blocks = row[1] - sum(row[6], 1);
      if (blocks >= 1) row[6] = [...row[6], [0, blocks, row[2] - sum(row[6], 2)]];
    }
    const blocks = recorded.totals.liveBlocks - recorded.leaks.replacedBlocks - sum(known, 1);
    return blocks >= 1 ? [...known, [0, blocks, recorded.totals.liveBytes - recorded.leaks.replacedBytes - sum(known, 2)]] : known;
  },

  scope: () => {
    if (recorded.activity && !recorded.births) return "the whole run, not the selection: a sample does not tell when blocks that stayed were allocated";
    return leaks.only == null ? "blocks allocated in the selection; amounts by verdict, by size and by age: the whole run" : "the whole run: amounts by verdict are not known for the selection";
  },

  draw() {
    if (!this.table) return;
    let rows = recorded.leaks.rows;
    if (chosen.range && recorded.births) {
      const now = values();
      rows = rows.filter((row) => now.liveBytes[row[0]] > 0).map((row) => {
        const copy = row.slice();
        copy[1] = now.liveBlocks[row[0]];
        copy[2] = now.liveBytes[row[0]];
        return copy;
      });
    }
    this.table.options.empty = chosen.range ? "Nothing that was allocated in the selection is alive at the end." : "Everything was freed.";
    if (this.only != null) {
      // Sums by verdict are of the whole run.
      this.table.set(recorded.leaks.rows.flatMap((row) => row[6].filter((item) => item[0] === this.only).map((item) => [row[0], item[1], item[2], row[3], row[4], row[5], [item], row[7]])));
      return;
    }
    // What is not listed by stack is one line, so that the sum is that of all.
    const now = chosen.range && !recorded.births ? recorded.site : values(), isPart = now !== recorded.site, sum = (column) => rows.reduce((all, row) => all + row[column], 0);
    const blocks = total(now.liveBlocks) - sum(1) - (isPart ? 0 : recorded.leaks.replacedBlocks);
    const size = total(now.liveBytes) - sum(2) - (isPart ? 0 : recorded.leaks.replacedBytes);
    if (blocks > 0 || size > 0) rows = [...rows, [recorded.kept, blocks, size, recorded.duration, recorded.duration, [], []]];
    this.table.set(rows);
  },
};
