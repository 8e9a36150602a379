// SPDX-License-Identifier: Apache-2.0
//
// Two recordings side by side. Stacks are the same when their functions are, as for `heapline diff`: without arguments,
// addresses and lines; allocator and start-up frames do not count. Always for the whole runs.

const comparison = {
  pairs: null,

  /** Every stack of either recording: { label, via, now, before }, with values by measure. */
  build() {
    if (this.pairs) return;
    const byKey = new Map();
    const add = (data, side) => {
      for (let row = 0; row < data.rows; row++) {
        if (!(data.site.allocations[row] > 0 || data.site.peakBytes[row] > 0 || data.site.liveBytes[row] > 0)) continue;
        const isOther = row === data.kept;
        const key = isOther ? "\u0000other" : data.trimmed(data.stack(row)).map((frame) => data.signature(frame)).join("\n");
        let pair = byKey.get(key);
        if (!pair) {
          const label = data.label(row);
          pair = { key, name: isOther ? "smaller stacks" : label.name, other: isOther, via: label.via, now: {}, before: {}, row: {}, text: isOther ? "" : key };
          for (const measure in measures) pair.now[measure] = pair.before[measure] = 0;
          byKey.set(key, pair);
        }
        pair.row[side] ??= row;
        for (const measure in measures) pair[side][measure] += data.site[measure][row];
      }
    };
    add(recorded, "now");
    add(before, "before");
    this.pairs = [...byKey.values()];
    tellApart(this.pairs, (i) => this.pairs[i].text.split("\n"));
    this.byKey = byKey;
  },

  scope: () => "the whole runs, not the selection",

  change: (pair) => pair.now[chosen.measure] - pair.before[chosen.measure],

  kind(pair) {
    const now = pair.now[chosen.measure], old = pair.before[chosen.measure];
    return now === old ? "same" : !old ? "new" : !now ? "gone" : now > old ? "grown" : "shrunk";
  },

  start(panel) {
    this.build();
    const measure = make("select", { id: "compare-measure", "aria-label": "Measure", onchange: (event) => chosen.set({ measure: event.target.value }) });
    for (const id of offered) measure.append(make("option", { value: id }, measures[id].label));
    this.only = make("select", { "aria-label": "Which stacks", onchange: () => this.draw() });
    for (const [id, label] of [["", "All that changed"], ["new", "New"], ["gone", "Gone"], ["grown", "Grown"], ["shrunk", "Shrunk"], ["same", "Unchanged"]]) this.only.append(make("option", { value: id }, label));
    const format = (value) => measures[chosen.measure].format(value);
    const signed = (value) => `${value > 0 ? "+" : ""}${format(value)}`;
    const columns = [
      { key: "name", label: "Function ← caller", kind: "name", text: (pair) => labelText(pair), value: (pair) => pair.name, hover: labelText,
        cell: labelCell },
      numberColumn("before", "Before", format, (pair) => pair.before[chosen.measure]), numberColumn("now", "Now", format, (pair) => pair.now[chosen.measure]),
      { ...numberColumn("change", "Change", signed, (pair) => this.change(pair)),
        cell: (pair) => make(`span.${this.change(pair) > 0 ? "up" : "down"}`, {}, signed(this.change(pair))) },
      { ...numberColumn("size", "Size of change", format, (pair) => Math.abs(this.change(pair)), { total: null }),
        cell: (pair) => make("span.share", {}, barFill(Math.abs(this.change(pair)) / (this.most || 1))) },
      { key: "kind", label: "", text: (pair) => this.kind(pair), value: (pair) => this.kind(pair), cell: (pair) => make("span.pill", {}, this.kind(pair)) },
    ];
    this.table = new Table({ name: "changes", columns, sort: ["size", "descending"], rowId: (pair) => pair.key, searchText: (pair) => `${pair.text} ${pair.name}`,
      detail: (pair) => (pair.row.now != null ? stackDetail(pair.row.now) : this.plainStack(pair)), placeholder: "Filter by function", empty: "Nothing changed." });
    panel.append(make("div.bar", {}, measure, this.only, make("span.note", { id: "compare-note", "aria-live": "polite" })), this.table.element);
  },

  plainStack(pair) {
    const list = make("ol.stack");
    for (const line of pair.text.split("\n")) list.append(make("li", {}, make("span.fn", {}, line)));
    return list;
  },

  draw() {
    const wanted = this.only.value;
    byId("compare-measure").value = chosen.measure;
    const rows = this.pairs.filter((pair) => (wanted ? this.kind(pair) === wanted : this.kind(pair) !== "same"));
    this.most = rows.reduce((most, pair) => Math.max(most, Math.abs(this.change(pair))), 0);
    const kinds = {};
    for (const pair of this.pairs) kinds[this.kind(pair)] = (kinds[this.kind(pair)] || 0) + 1;
    byId("compare-note").textContent = `${["new", "gone", "grown", "shrunk", "same"].filter((kind) => kinds[kind]).map((kind) => `${count(kinds[kind])} ${kind}`).join(", ")}`;
    this.table.set(rows);
  },

  /** What a path of function names had before, for the flame graph: by names joined from the outside. */
  beforeTree() {
    const { measure, inverted, trim } = chosen;
    const id = `${measure} ${inverted} ${trim}`;
    if (this.treeId === id) return this.paths;
    this.treeId = id;
    this.paths = new Map();
    const tree = new FlameTree(before, before.site[measure], chosen);
    const name = [""];
    tree.nodes.forEach((node, i) => {
      if (i > 0) name[i] = `${name[node.parent]}\n${node.frame >= 0 ? before.signature(node.frame) : node.frame}`;
      this.paths.set(name[i], (this.paths.get(name[i]) || 0) + node.value);
    });
    return this.paths;
  },
};

/** A number of the newer recording and how it changed. */
function changeOf(now, old, format) {
  if (now == null || old == null) return "";
  const change = now - old;
  if (!change) return "as before";
  return `${change > 0 ? "+" : ""}${format(change)}${old ? ` (${change > 0 ? "+" : "−"}${percent(Math.abs(change), old)})` : ""}, was ${format(old)}`;
}
