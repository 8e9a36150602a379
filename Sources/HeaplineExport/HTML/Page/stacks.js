// SPDX-License-Identifier: Apache-2.0
//
// Stacks and functions as tables, and one stack in full: every call with its place, and what it had alive over time.

const stacks = {
  table: null, functions: null,

  start(panel) {
    const column = (measure, label, title) => numberColumn(measure, label, measures[measure].format, (row) => values()[measure][row], { title });
    const columns = [
      { key: "name", label: "Function ← caller", kind: "name", text: (row) => this.text(row), value: (row) => labels()[row].name,
        cell: (row) => this.nameCell(row), hover: (row) => this.text(row) },
      column("bytes", "Allocated"), column("allocations", "Allocations"), column("temporary", "Temporary", "Freed before the thread's next allocation"),
      column("peakBytes", "At the peak"), column("liveBytes", "Never freed"), column("liveBlocks", "Blocks never freed"),
    ].filter((item) => !absence(item.key) || item.key === "name");
    const main = columns[1].key;
    columns[1].cell = (row) => {
      const all = total(values()[main]);
      return make("span", {}, bytes(values()[main][row]), make("span.share", {}, barFill(values()[main][row] / all)));
    };
    if (recorded.site.reallocations.some((value) => value > 0)) {
      columns.push(numberColumn("reallocations", "Reallocations", shortCount, (row) => (chosen.range ? null : recorded.site.reallocations[row])));
    }
    if (recorded.errors) {
      columns.push(numberColumn("error", "± allocated", bytes, (row) => (chosen.range || !recorded.errors[row] ? null : recorded.errors[row][1]),
        { total: null, title: "Standard error of the estimate of allocated bytes" }));
    }
    this.table = new Table({ name: "stacks", columns, sort: [main, "descending"], rowId: (row) => row, detail: (row) => stackDetail(row),
      placeholder: "Filter by function, file or module", searchText: stackText, empty: "No stack allocated anything here." });
    panel.append(make("p.note", { id: "stacks-note" }), this.table.element);
  },

  text: (row) => labelText(labels()[row]),
  nameCell: (row) => labelCell(labels()[row]),

  draw() {
    const now = values();
    const rows = [];
    for (let row = 0; row < recorded.rows; row++) if (now.allocations[row] > 0 || now.peakBytes[row] > 0 || now.liveBytes[row] > 0) rows.push(row);
    byId("stacks-note").textContent = [onlySurvivors ? survivorsNote : "", meaning(), recorded.otherStacks ? `${count(recorded.siteCount)} stacks were recorded; this page holds the ${count(recorded.kept)} that matter most by any measure one by one.` : ""].filter(Boolean).join(" ");
    byId("stacks-note").hidden = !byId("stacks-note").textContent;
    this.table.set(rows);
  },
};

/** Functions by what was allocated in them and in all they call. */
const functions = {
  start(panel) {
    const name = { key: "name", label: "Function", kind: "name", text: (row) => row.name, value: (row) => row.name, hover: (row) => row.name };
    const module = { key: "module", label: "Module", kind: "name", text: (row) => row.module, value: (row) => row.module, cell: (row) => document.createTextNode(fileName(row.module)), hover: (row) => row.module };
    const column = (key, measure, label, title) => numberColumn(key, label, measures[measure].format, (row) => row[key], { total: null, title });
    this.table = new Table({ name: "functions", sort: [offered[0], "descending"], placeholder: "Filter by function or module", rowId: (row) => row.id,
      searchText: (row) => `${row.name} ${row.module}`,
      columns: [name, ...[column("bytes", "bytes", "Allocated", "In the function and all it calls"), column("selfBytes", "bytes", "…by itself", "By the function's own calls of the allocator"),
        column("allocations", "allocations", "Allocations"), column("temporary", "temporary", "Temporary"), column("peakBytes", "bytes", "At the peak"), column("liveBytes", "bytes", "Never freed")].filter((item) => !absence(item.key)), module],
      detail: (row) => make("button.button", { type: "button", onclick: () => chosen.set({ tab: "flame", search: row.name, inverted: false }) }, "Show in the flame graph") });
    panel.append(make("p.note", {}, `Each stack counts once for every function in it, so these numbers do not add up to the total.${onlySurvivors ? ` ${survivorsNote}` : ""}`), this.table.element);
  },

  draw() {
    const keys = FlameTree.keys(recorded), now = values();
    const byKey = new Map();
    const columns = ["bytes", "allocations", "temporary", "peakBytes", "liveBytes"];
    for (let row = 0; row < recorded.kept; row++) {
      const stack = recorded.trimmed(recorded.stack(row));
      const seen = new Set();
      stack.forEach((frame, depth) => {
        const key = keys[frame];
        let item = byKey.get(key);
        if (!item) {
          item = { id: key, name: recorded.short(frame), module: recorded.module(frame), selfBytes: 0, bytes: 0, allocations: 0, temporary: 0, peakBytes: 0, liveBytes: 0 };
          byKey.set(key, item);
        }
        if (depth === 0) item.selfBytes += now.bytes[row];
        if (seen.has(key)) return;
        seen.add(key);
        for (const column of columns) item[column] += now[column][row];
      });
    }
    this.table.set([...byKey.values()].filter((item) => item.allocations > 0 || item.peakBytes > 0 || item.liveBytes > 0));
  },
};

/** What a stack is called, in one line: its function, the caller, and what tells it from others that are called the same. */
const labelText = ({ name, via, beyond }) => [name, via, beyond && beyond !== via ? `… ← ${beyond}` : ""].filter(Boolean).join(" ← ");
function labelCell(label) {
  const rest = labelText(label).slice(label.name.length);
  return make("span", {}, make("bdi", {}, label.name), rest ? make("span.faint", {}, rest) : null);
}

const fileName = (path) => path.slice(path.lastIndexOf("/") + 1);

/** Everything a filter may look for in a stack. */
function stackText(row) {
  if (row === recorded.kept) return "smaller stacks";
  return recorded.stack(row).map((frame) => `${recorded.name(frame)} ${recorded.short(frame)} ${recorded.place(frame)} ${recorded.module(frame)}`).join("\n");
}

function stackDetail(row) {
  if (row === recorded.kept) {
    return make("p.note", {}, "Stacks that are not among the most important by any measure are added up here, so that sums are whole.");
  }
  const all = recorded.stack(row), core = new Set(recorded.trimmed(all));
  const list = make("ol.stack");
  all.forEach((frame, i) => {
    const place = recorded.place(frame) || fileName(recorded.module(frame));
    list.append(make("li", { title: recorded.module(frame) }, make("span.faint", {}, String(i).padStart(2, "\u2007")),
      make(`span.fn${core.has(frame) ? "" : ".runtime"}`, { title: recorded.name(frame) }, recorded.short(frame)),
      make("span.place", { title: place }, place.length > 60 ? `…${place.slice(-58)}` : place)));
  });
  if (recorded.end(row) !== "the whole stack") list.append(make("li", {}, make("span.end", {}, recorded.end(row))));
  return make("div", {}, sparkline(row), list);
}

/** What a stack had alive over time, if the page knows. */
function sparkline(row) {
  if (!recorded.entries || row >= recorded.activity.exactStacks) return null;
  const { entries } = recorded, { spans } = recorded.activity;
  const live = new Float64Array(spans);
  let now = 0, most = 0;
  for (let span = 0; span < spans; span++) {
    for (let i = entries.first[span]; i < entries.first[span + 1]; i++) if (entries.row[i] === row) now += entries.liveBytes[i];
    live[span] = now;
    most = Math.max(most, now);
  }
  if (!most) return null;
  const points = [...live].map((value, i) => `${((i / spans) * 600).toFixed(1)},${(40 - (value / most) * 38).toFixed(1)}`).join(" ");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 600 40");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.style.cssText = "display:block;width:min(600px,100%);height:40px;margin-bottom:2px";
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", `0,40 ${points} 600,40`);
  line.style.cssText = "fill:var(--live-fill);stroke:var(--live);stroke-width:1.2;vector-effect:non-scaling-stroke";
  svg.append(line);
  return make("div", {}, svg, make("p.note", {}, `alive over the run, at most ${bytes(most)} at the end of a span of ${duration(recorded.activity.width)}`));
}
