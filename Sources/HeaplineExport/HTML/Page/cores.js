// SPDX-License-Identifier: Apache-2.0
//
// The cores of an emulated chip: what ran on each when, the heap's events below, and every context with its sums. The
// picture has a window of its own within the chosen range: wheel or + and − zoom, dragging and arrows move, 0 shows all.

const coresPanel = {
  window: null,

  start(panel) {
    const packed = unpack(recorded.cores.spans);
    this.spans = Array.from({ length: recorded.cores.count }, () => []);
    let time = 0;
    for (let i = 0; i < packed.length; i += 6) {
      time += unsign(packed[i]);
      this.spans[packed[i + 1]].push({ start: time, end: time + packed[i + 2], kind: packed[i + 3], process: packed[i + 4], thread: packed[i + 5] });
    }
    this.canvas = make("canvas", { id: "cores-canvas", tabIndex: 0, role: "application", "aria-label": "What ran on each core. Plus and minus zoom, arrow keys move, 0 shows all.", onkeydown: (event) => this.key(event) });
    this.canvas.style.cssText = "width:100%;display:block;cursor:grab;touch-action:none";
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.25 : 0.8, event.offsetX / this.canvas.clientWidth);
    }, { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => { this.drag = event.clientX; this.canvas.setPointerCapture(event.pointerId); });
    this.canvas.addEventListener("pointerup", () => { this.drag = null; });
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => tip.hide());
    this.canvas.addEventListener("dblclick", () => this.show(null));
    this.legend = make("div.chips");
    this.note = make("p.note", { id: "cores-note" });
    const button = (label, title, action) => make("button.button", { type: "button", title, onclick: action }, label);
    panel.append(make("div.bar", {}, this.legend, make("span.spacer"), button("−", "Wider (−)", () => this.zoom(2, 0.5)), button("+", "Closer (+)", () => this.zoom(0.5, 0.5)), button("All", "The whole range (0)", () => this.show(null))),
      this.canvas, this.note);
    const heap = (row) => (row.kind === 0 ? this.owned.get(`${row.process}/${row.thread}`) : null);
    const columns = [
      { key: "name", label: "Context", kind: "name", text: (row) => this.name(row), value: (row) => this.name(row),
        cell: (row) => make("span", {}, this.swatch(row), ` ${this.name(row)}`) },
      { key: "kind", label: "Kind", text: (row) => ["task", "interrupt", "idle"][row.kind], value: (row) => row.kind },
      numberColumn("runs", "Runs", count, (row) => row.runs),
      { ...numberColumn("time", "Time", duration, (row) => row.time), cell: (row) => make("span", {}, duration(row.time), make("span.share", {}, barFill(row.time / this.longest))) },
      numberColumn("mean", "Mean run", duration, (row) => Math.round(row.time / Math.max(row.runs, 1)), { total: null }),
      numberColumn("longest", "Longest run", duration, (row) => row.longest, { total: null }),
    ];
    for (let core = 0; core < recorded.cores.count; core++) columns.push(numberColumn(`core${core}`, `Core ${core}`, duration, (row) => row.byCore[core] || 0));
    columns.push(numberColumn("allocations", "Allocations", shortCount, (row) => heap(row)?.allocations ?? null), numberColumn("bytes", "Allocated", bytes, (row) => heap(row)?.bytes ?? null),
      numberColumn("live", "Never freed", bytes, (row) => heap(row)?.liveBytes ?? null));
    this.longest = Math.max(1, ...recorded.cores.contexts.map((row) => row.time));
    this.table = new Table({ name: "contexts", columns, sort: ["time", "descending"], searchText: (row) => this.name(row), empty: "Nothing ran." });
    panel.append(make("h3", {}, "Contexts"), this.table.element);
    new ResizeObserver(() => { if (this.canvas.clientWidth) this.draw(); }).observe(this.canvas.parentElement);
  },

  name(row) {
    const name = (recorded.events.names[row.process] || [])[row.thread] || `thread ${row.thread}`;
    return row.kind === 1 ? `interrupt in ${name}` : name;
  },
  paint(row) {
    if (row.kind === 2) return color("line-soft");
    if (row.kind === 1) return color("bad");
    const order = this.order || (this.order = recorded.cores.contexts.filter((item) => item.kind === 0).map((item) => `${item.process}/${item.thread}`));
    const place = order.indexOf(`${row.process}/${row.thread}`);
    return `hsl(${(212 + place * 137.5) % 360} 58% ${document.documentElement.dataset.theme === "dark" ? 62 : 50}%)`;
  },
  swatch(row) {
    const box = make("i");
    box.style.cssText = `display:inline-block;width:10px;height:10px;border-radius:2px;background:${this.paint(row)};border:1px solid var(--line)`;
    return box;
  },

  bounds() { return this.window || rangeTimes(); },
  show(range) {
    const [first, last] = rangeTimes();
    if (range) {
      const length = Math.min(Math.max(range[1] - range[0], 100), last - first);
      const from = Math.max(first, Math.min(range[0], last - length));
      range = length >= last - first ? null : [from, from + length];
    }
    this.window = range;
    this.draw();
  },
  zoom(factor, at) {
    const [from, to] = this.bounds(), middle = from + (to - from) * at;
    this.show([middle - (middle - from) * factor, middle + (to - middle) * factor]);
  },
  key(event) {
    const [from, to] = this.bounds(), step = (to - from) / 8;
    const action = { "+": () => this.zoom(0.5, 0.5), "=": () => this.zoom(0.5, 0.5), "-": () => this.zoom(2, 0.5), 0: () => this.show(null), ArrowLeft: () => this.show([from - step, to - step]), ArrowRight: () => this.show([from + step, to + step]) }[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  },
  point(event) {
    const [from, to] = this.bounds(), width = this.canvas.clientWidth;
    if (this.drag != null && event.buttons) {
      const moved = ((event.clientX - this.drag) / width) * (to - from);
      this.drag = event.clientX;
      this.show([from - moved, to - moved]);
      return;
    }
    const time = from + ((event.offsetX - this.left) / (width - this.left)) * (to - from);
    const core = Math.floor((event.offsetY - 4) / 38);
    const span = (this.spans[core] || []).find((item) => item.start <= time && time < item.end);
    if (span) tip.show(event, this.name(span), [["core", String(core)], ["from", duration(Math.round(span.start))], ["for", duration(Math.round(span.end - span.start))], ["kind", ["task", "interrupt", "idle"][span.kind]]]);
    else tip.hide();
  },

  left: 56,
  build() {
    this.window = null;
    const events = rangedEvents();
    const rows = events && this.isWhole() ? threads.ranged(events) : recorded.threads;
    this.owned = new Map(rows.map((row) => [`${row.process}/${row.index}`, row]));
    this.table.set(this.isWhole() ? this.ranged() : recorded.cores.contexts);
  },
  /** Whether the page has every run of a context and every event. */
  isWhole() { return this.spans.reduce((sum, list) => sum + list.length, 0) >= recorded.cores.total && Boolean(rangedEvents() || !chosen.range); },
  scope: () => (coresPanel.isWhole() ? "" : "table: the whole run, not the selection"),

  /** The contexts of the chosen range; a run counts if it has a part in it. */
  ranged() {
    if (!chosen.range) return recorded.cores.contexts;
    const [from, to] = rangeTimes(), rows = new Map();
    this.spans.forEach((list, core) => {
      for (const span of list) {
        const time = Math.min(span.end, to) - Math.max(span.start, from);
        if (time <= 0) continue;
        const key = `${span.kind}/${span.process}/${span.thread}`;
        let row = rows.get(key);
        if (!row) rows.set(key, row = { process: span.process, thread: span.thread, kind: span.kind, runs: 0, time: 0, longest: 0, byCore: this.spans.map(() => 0) });
        row.runs++;
        row.time += time;
        row.longest = Math.max(row.longest, time);
        row.byCore[core] += time;
      }
    });
    return [...rows.values()];
  },
  draw() {
    const lanes = this.spans.length, height = lanes * 38 + 64, width = this.canvas.clientWidth && widthOf(this.canvas);
    if (!width) return;
    const context = sizeCanvas(this.canvas, width, height);
    const [from, to] = this.bounds(), scale = (width - this.left) / Math.max(to - from, 1);
    const x = (time) => this.left + (time - from) * scale;
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    this.spans.forEach((list, core) => {
      const y = 4 + core * 38;
      context.fillStyle = color("text");
      context.fillText(`Core ${core}`, 0, y + 15);
      let drawnTo = -1;
      for (const span of list) {
        if (span.end < from || span.start > to) continue;
        const a = Math.max(this.left, x(span.start)), b = Math.min(width, x(span.end));
        if (b - a < 0.5 && Math.floor(a) === drawnTo) continue;  // nothing of it would be seen
        drawnTo = Math.floor(a);
        context.fillStyle = this.paint(span);
        context.fillRect(a, span.kind === 2 ? y + 12 : y, Math.max(b - a, 0.75), span.kind === 2 ? 6 : 30);
        if (b - a > 46 && span.kind !== 2) {
          context.save();
          context.beginPath();
          context.rect(a, y, b - a - 3, 30);
          context.clip();
          context.fillStyle = "#fff";
          context.fillText(this.name(span), a + 5, y + 15);
          context.restore();
        }
      }
    });
    const y = 4 + lanes * 38;
    context.fillStyle = color("text");
    context.fillText("Heap", 0, y + 15);
    context.fillStyle = color("line-soft");
    context.fillRect(this.left, y + 15, width - this.left, 1);
    for (const event of eventRows()) {
      if (event.time < from || event.time > to) continue;
      context.fillStyle = color(event.freed ? "ok" : "live");
      context.fillRect(x(event.time), event.freed ? y + 17 : y + 3, 1.5, 11);
    }
    context.fillStyle = color("soft");
    const step = niceStep(to - from, Math.max(2, (width - this.left) / 110), false);
    for (let time = Math.ceil(from / step) * step; time <= to; time += step) {
      context.fillRect(x(time), y + 34, 1, 5);
      const label = duration(Math.round(time));
      context.fillText(label, Math.min(x(time) + 3, width - context.measureText(label).width), y + 48);
    }
    const shown = recorded.cores.contexts.filter((row) => row.kind === 0).slice(0, 8);
    this.legend.replaceChildren(...shown.map((row) => make("span.note", {}, this.swatch(row), ` ${this.name(row)} `)));
    const kept = this.spans.reduce((sum, list) => sum + list.length, 0);
    this.note.textContent = `${duration(Math.round(from))} to ${duration(Math.round(to))}. Below the cores: allocations above the line, frees under it.${recorded.cores.total > kept ? ` The first ${count(kept)} of ${count(recorded.cores.total)} runs.` : ""}${recorded.events.total > eventRows().length ? ` The first ${count(eventRows().length)} of ${count(recorded.events.total)} events, until ${duration(eventRows().at(-1).time)}.` : ""}`;
  },
};

/** The events of the chip, unpacked once; see events.js. */
function eventRows() {
  if (!eventsPanel.rows) eventsPanel.read();
  return eventsPanel.rows;
}
