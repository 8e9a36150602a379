// SPDX-License-Identifier: Apache-2.0
//
// Live bytes, resident memory, blocks and rate over time, one above the other. A drag, or Shift and the arrow keys, selects a
// range in steps of the recording's spans; everything else on the page then follows.

const chart = {
  shown: { stacks: false, live: true, resident: true, blocks: true, rate: true },
  left: 74, right: 12, height: 0, canvas: null, cursor: null, drag: null, layers: null,

  series: [
    ["live", "Live bytes", "live"], ["resident", "Resident (RSS)", "resident"], ["stacks", "Live bytes by function", "accent"],
    ["blocks", "Live blocks", "blocks"], ["rate", "Allocations per second", "rate"],
  ],

  start() {
    this.canvas = make("canvas", { "aria-hidden": "true" });
    byId("chart").replaceChildren(this.canvas);
    const hasResident = recorded.timeline.resident.some((value) => value != null);
    // Mode count knows no times, and a program may never allocate: no line at zero pretends to be an answer.
    this.hasEvents = recorded.timeline.allocations.some((value) => value > 0) || recorded.timeline.maxLiveBytes.some((value) => value > 0);
    for (const [id, label, token] of this.series) {
      if (id === "resident" && !hasResident) { this.shown.resident = false; continue; }
      if (id !== "resident" && !this.hasEvents) { this.shown[id] = false; continue; }
      if (id === "stacks" && (!recorded.entries || !recorded.hasStacks)) continue;
      const swatch = make("i.swatch");
      swatch.style.background = `var(--${token})`;
      const button = make("button", { type: "button", "aria-pressed": String(this.shown[id]), onclick: () => {
        this.shown[id] = !this.shown[id];
        button.setAttribute("aria-pressed", String(this.shown[id]));
        this.draw();
      } }, swatch, label);
      byId("series").append(button);
    }
    if (before) byId("series").append(make("span.note", {}, "grey: live bytes before"));
    this.legend = make("div.chips", { id: "layers" });
    byId("chart").after(this.legend);
    const box = byId("chart");
    box.hidden = !this.hasEvents && !hasResident;
    box.addEventListener("pointerdown", (event) => this.down(event));
    box.addEventListener("pointermove", (event) => this.move(event));
    box.addEventListener("pointerup", (event) => this.up(event));
    box.addEventListener("pointerleave", () => { if (!this.drag) { this.cursor = null; tip.hide(); this.draw(); } });
    box.addEventListener("dblclick", () => chosen.set({ range: null }));
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("blur", () => tip.hide());
  },

  /** Whether resident memory can share the axis of live bytes and both can still be read. */
  get residentFits() {
    const line = recorded.timeline;
    const most = (column) => column.reduce((top, value) => Math.max(top, value || 0), 0);
    this.fits ??= most(line.resident) < 2.5 * most(line.maxLiveBytes);
    return this.fits;
  },

  get plotWidth() { return widthOf(byId("chart")) - this.left - this.right; },
  get span() { return Math.max(recorded.duration, recorded.timeline.width); },
  x(time) { return this.left + (time / this.span) * this.plotWidth; },
  time(x) { return Math.min(this.span, Math.max(0, ((x - this.left) / this.plotWidth) * this.span)); },
  at(event) { return this.time(event.clientX - byId("chart").getBoundingClientRect().left); },

  /** The range of spans that covers two moments. */
  rangeOf(a, b) {
    if (!recorded.activity) return null;
    const { width, spans } = recorded.activity;
    const from = Math.min(spans - 1, Math.floor(Math.min(a, b) / width));
    const to = Math.min(spans, Math.max(from + 1, Math.ceil(Math.max(a, b) / width)));
    return from === 0 && to === spans ? null : [from, to];
  },

  down(event) {
    if (event.button !== 0 || !recorded.activity || !this.hasEvents) return;
    this.drag = { from: this.at(event), x: event.clientX, moved: false };
    byId("chart").setPointerCapture(event.pointerId);
  },
  move(event) {
    this.cursor = this.at(event);
    if (this.drag) {
      if (Math.abs(event.clientX - this.drag.x) > 3) this.drag.moved = true;
      this.drag.to = this.cursor;
    }
    this.draw();
    this.explain(event);
  },
  up() {
    const drag = this.drag;
    this.drag = null;
    if (!drag) return;
    if (drag.moved) chosen.set({ range: this.rangeOf(drag.from, drag.to) });
    else this.draw();
  },
  key(event) {
    if (event.key === "Escape") { chosen.set({ range: null }); return; }
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight" || !recorded.activity) return;
    event.preventDefault();
    const { width, spans } = recorded.activity;
    const step = (event.key === "ArrowRight" ? 1 : -1) * (event.ctrlKey ? 10 : 1);
    const now = this.cursor == null ? 0 : Math.floor(this.cursor / width);
    const next = Math.min(spans - 1, Math.max(0, now + step));
    this.cursor = (next + 0.5) * width;
    if (event.shiftKey) {
      this.anchor ??= (now + 0.5) * width;
      chosen.set({ range: this.rangeOf(this.anchor, this.cursor) });
    } else {
      this.anchor = null;
    }
    this.draw();
    const box = byId("chart").getBoundingClientRect();
    this.explain({ clientX: box.left + this.x(this.cursor), clientY: box.top + 20 });
  },

  explain(event) {
    const line = recorded.timeline;
    const i = Math.min(line.count - 1, Math.floor(this.cursor / line.width));
    if (i < 0) return;
    const pairs = [
      ["live", `${bytes(line.liveBytes[i])} in ${count(line.liveBlocks[i])} blocks`], ["highest", bytes(line.maxLiveBytes[i])],
      ["allocated", `${count(line.allocations[i])} blocks, ${bytes(line.bytes[i])}`], ["freed", `${count(line.frees[i])} blocks`],
      ["resident", line.resident[i] == null ? "" : bytes(line.resident[i])],
    ];
    if (this.shown.stacks && this.layers) {
      const span = Math.min(recorded.activity.spans - 1, Math.floor(this.cursor / recorded.activity.width));
      for (const layer of [...this.layers].reverse()) if (layer.values[span] > 0) pairs.push([layer.name.slice(0, 48), bytes(layer.values[span])]);
    }
    tip.show(event, `${duration(i * line.width)} + ${duration(line.width)}`, pairs);
  },

  /** Live bytes by function at the end of each span: the six functions with most at any time, and the rest. */
  makeLayers() {
    const { entries } = recorded, { spans } = recorded.activity;
    const byName = new Map();
    for (let row = 0; row < recorded.rows; row++) {
      const name = labels()[row].other ? "other stacks" : labels()[row].name;
      if (!byName.has(name)) byName.set(name, { name, values: null, index: byName.size });
    }
    const layers = [...byName.values()];
    const indexOf = Int32Array.from({ length: recorded.rows }, (_, row) => byName.get(labels()[row].other ? "other stacks" : labels()[row].name).index);
    const now = new Float64Array(layers.length), most = new Float64Array(layers.length);
    for (let span = 0; span < spans; span++) {
      for (let i = entries.first[span]; i < entries.first[span + 1]; i++) now[indexOf[entries.row[i]]] += entries.liveBytes[i];
      for (let k = 0; k < now.length; k++) if (now[k] > most[k]) most[k] = now[k];
    }
    const best = layers.map((layer) => layer.index).filter((k) => layers[k].name !== "other stacks").sort((a, b) => most[b] - most[a]).slice(0, 6);
    const place = new Map(best.map((k, i) => [k, i + 1]));
    const result = [{ name: "all others", values: new Float64Array(spans) }, ...best.map((k) => ({ name: layers[k].name, values: new Float64Array(spans) }))];
    now.fill(0);
    for (let span = 0; span < spans; span++) {
      for (let i = entries.first[span]; i < entries.first[span + 1]; i++) now[indexOf[entries.row[i]]] += entries.liveBytes[i];
      for (let k = 0; k < now.length; k++) result[place.get(k) || 0].values[span] += now[k];
    }
    const hues = [0, 215, 28, 160, 270, 340, 95];
    result.forEach((layer, i) => { layer.hue = i === 0 ? null : hues[i % hues.length]; });
    return result;
  },

  draw() {
    const line = recorded.timeline;
    const width = widthOf(byId("chart"));
    const rows = this.hasEvents ? [["bytes", 190]] : [];
    if (this.shown.resident && (!this.residentFits || !this.hasEvents)) rows.push(["resident", 62]);
    if (this.shown.blocks) rows.push(["blocks", 62]);
    if (this.shown.rate) rows.push(["rate", 62]);
    const gap = 16;
    this.height = rows.reduce((sum, row) => sum + row[1] + gap, 0) + 18;
    const ctx = sizeCanvas(this.canvas, width, this.height);
    ctx.font = `11px ${color("sans") || "sans-serif"}`;
    let top = 6;
    for (const [kind, height] of rows) {
      if (kind === "bytes") this.drawBytes(ctx, top, height);
      else this.drawSmall(ctx, top, height, kind);
      top += height + gap;
    }
    this.drawTimes(ctx, top - 4);
    this.drawSelection(ctx, top - gap);
    if (line.count && this.cursor != null) {
      ctx.strokeStyle = color("faint");
      ctx.beginPath();
      ctx.moveTo(Math.round(this.x(this.cursor)) + 0.5, 0);
      ctx.lineTo(Math.round(this.x(this.cursor)) + 0.5, top - gap);
      ctx.stroke();
    }
  },

  grid(ctx, top, height, most, format, steps, binary) {
    const step = Math.max(1, niceStep(most, steps, binary));  // all that is drawn is counted in whole numbers
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    for (let value = 0; value <= most * 1.0001; value += step) {
      const y = Math.round(top + height - (value / most) * height) + 0.5;
      ctx.strokeStyle = value === 0 ? color("line") : color("line-soft");
      ctx.beginPath();
      ctx.moveTo(this.left, y);
      ctx.lineTo(this.left + this.plotWidth, y);
      ctx.stroke();
      ctx.fillStyle = color("soft");
      ctx.fillText(format(value), this.left - 8, y);
    }
  },

  drawBytes(ctx, top, height) {
    const line = recorded.timeline;
    let most = 1;
    const shared = this.shown.resident && this.residentFits;
    for (let i = 0; i < line.count; i++) {
      most = Math.max(most, line.maxLiveBytes[i], shared ? line.resident[i] || 0 : 0);
    }
    most *= 1.12;  // the peak's label is above it
    this.grid(ctx, top, height, most, bytes, 5, true);
    const y = (value) => top + height - (value / most) * height;
    this.drawLegend();
    if (this.shown.stacks && recorded.entries) this.drawLayers(ctx, y);
    else if (this.shown.live) this.path(ctx, line.maxLiveBytes, y, color("live"), color("live-fill"), top + height);
    if (shared) this.path(ctx, line.resident, y, color("resident"), null);
    if (before && this.shown.live) this.path(ctx, before.timeline.maxLiveBytes, y, color("faint"), null, 0, before.timeline.width);
    const { peakNanoseconds: peakTime, peakBytes } = recorded.totals;
    if (peakTime != null && this.shown.live) {
      const px = this.x(peakTime), py = y(peakBytes);
      ctx.fillStyle = color("mark");
      ctx.beginPath();
      ctx.arc(px, py, 3.5, 0, 7);
      ctx.fill();
      const left = px > this.left + this.plotWidth - 130;
      ctx.textAlign = left ? "right" : "left";
      ctx.textBaseline = "bottom";
      ctx.fillStyle = color("text");
      ctx.fillText(`peak ${bytes(peakBytes)}`, px + (left ? -6 : 6), py - 2);
    }
  },

  drawLayers(ctx, y) {
    const { width, spans } = recorded.activity;
    const base = new Float64Array(spans);
    for (const layer of this.layers) {
      ctx.beginPath();
      for (let s = 0; s < spans; s++) {
        const value = y(base[s] + Math.max(0, layer.values[s]));
        ctx.lineTo(this.x(s * width), value);
        ctx.lineTo(this.x(Math.min((s + 1) * width, this.span)), value);
      }
      for (let s = spans - 1; s >= 0; s--) {
        ctx.lineTo(this.x(Math.min((s + 1) * width, this.span)), y(base[s]));
        ctx.lineTo(this.x(s * width), y(base[s]));
        base[s] += Math.max(0, layer.values[s]);
      }
      ctx.fillStyle = this.layerColor(layer);
      ctx.fill();
    }
  },

  layerColor(layer) {
    const dark = document.documentElement.dataset.theme === "dark";
    return layer.hue == null ? (dark ? "#3a4450" : "#ccd3db") : `hsl(${layer.hue} ${dark ? "48% 52%" : "58% 60%"})`;
  },

  /** Which function has which colour. */
  drawLegend() {
    this.legend.hidden = !this.shown.stacks;
    if (!this.shown.stacks) return;
    this.layers ??= this.makeLayers();
    const used = this.layers.filter((layer) => layer.values.some((value) => value > 0));
    this.legend.replaceChildren(...used.reverse().map((layer) => {
      const swatch = make("i.swatch");
      swatch.style.background = this.layerColor(layer);
      return make("span.layer", {}, swatch, layer.name);
    }));
  },

  /** A stepped line; with a fill also the area below it. */
  path(ctx, column, y, stroke, fill, floor, width = recorded.timeline.width) {
    ctx.beginPath();
    let first = null, last = null;
    for (let i = 0; i < column.length; i++) {
      if (column[i] == null) continue;
      if (i * width >= this.span) break;
      const value = y(column[i]);
      if (first == null) {
        first = this.x(i * width);
        ctx.moveTo(first, value);
      }
      ctx.lineTo(this.x(i * width), value);
      last = this.x(Math.min((i + 1) * width, this.span));
      ctx.lineTo(last, value);
    }
    ctx.strokeStyle = stroke;
    ctx.lineWidth = 1.5;
    ctx.lineJoin = "round";
    ctx.stroke();
    ctx.lineWidth = 1;
    if (!fill || last == null) return;
    ctx.lineTo(last, floor);
    ctx.lineTo(first, floor);
    ctx.closePath();
    ctx.fillStyle = fill;
    ctx.fill();
  },

  drawSmall(ctx, top, height, kind) {
    const line = recorded.timeline;
    const seconds = line.width / 1e9;
    const column = { blocks: line.liveBlocks, resident: line.resident, rate: line.allocations }[kind];
    // One bar for each two pixels at least.
    const merge = kind === "rate" ? Math.max(1, Math.ceil(line.count / (this.plotWidth / 2))) : 1;
    const valuesNow = [];
    for (let i = 0; i < line.count; i += merge) {
      let sum = 0;
      for (let k = i; k < Math.min(line.count, i + merge); k++) sum += column[k];
      valuesNow.push(kind === "rate" ? sum / (seconds * Math.min(merge, line.count - i)) : column[i]);
    }
    const most = Math.max(1, ...valuesNow) * 1.05;
    const format = { rate: (value) => `${shortCount(value)}/s`, blocks: shortCount, resident: bytes }[kind];
    this.grid(ctx, top, height, most, format, 3, kind === "resident");
    const y = (value) => top + height - (value / most) * height;
    const stroke = color(kind);
    this.path(ctx, valuesNow, y, stroke, `${stroke}33`, top + height, line.width * merge);
  },

  drawTimes(ctx, y) {
    const step = niceStep(this.span / 1e9, Math.max(2, this.plotWidth / 110), false) * 1e9;
    ctx.textAlign = "center";
    ctx.textBaseline = "top";
    ctx.fillStyle = color("soft");
    for (let time = 0; time <= this.span; time += step) {
      if (this.x(time) > this.left + this.plotWidth - 16) break;
      ctx.fillText(time === 0 ? "0" : duration(time), this.x(time), y - 6);
    }
  },

  drawSelection(ctx, bottom) {
    let range = chosen.range;
    if (this.drag && this.drag.moved) range = this.rangeOf(this.drag.from, this.drag.to);
    if (!range) return;
    const { width } = recorded.activity;
    const from = this.x(range[0] * width), to = this.x(Math.min(range[1] * width, this.span));
    ctx.fillStyle = color("select");
    ctx.fillRect(from, 0, to - from, bottom);
    ctx.fillStyle = color("accent");
    ctx.fillRect(from - 1, 0, 2, bottom);
    ctx.fillRect(to - 1, 0, 2, bottom);
  },

  drawState() {
    const box = byId("selection");
    box.classList.toggle("on", Boolean(chosen.range));
    if (!this.hasEvents) {
      box.replaceChildren(onlyTotals ? "Live bytes are not known: this recording holds totals only (mode count); record with --mode all" : "Nothing was allocated");
      return;
    }
    if (!recorded.activity) {
      box.replaceChildren("no activity by stack in this report: ranges cannot be selected");
      return;
    }
    if (!chosen.range) {
      box.replaceChildren(`${onlySurvivors ? "Mode leaks: only what was never freed is drawn. " : ""}Drag over the chart to look at a part of the run`);
      return;
    }
    const [from, to] = rangeTimes();
    box.replaceChildren(make("span", {}, "Below: ", make("b", {}, `${duration(from)} – ${duration(to)}`), ` (${duration(to - from)})`),
      make("button.button", { type: "button", onclick: () => chosen.set({ range: null }) }, "Whole run"));
  },
};
