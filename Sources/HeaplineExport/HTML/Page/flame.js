// SPDX-License-Identifier: Apache-2.0
//
// The flame graph: calls by what was allocated under them. Callers are above their callees, the widest first; inverted, the
// allocating functions are on top and their callers below. Lines of one function are one box.

class FlameTree {
  constructor(data, column, { inverted, trim }) {
    this.data = data;
    this.nodes = [{ key: -1, frame: -1, parent: -1, value: 0, self: 0, depth: 0, children: new Map(), sorted: null }];
    this.keyOf = FlameTree.keys(data);
    for (let row = 0; row < data.rows; row++) {
      const value = column[row];
      if (!(value > 0)) continue;
      let stack = row === data.kept ? [] : data.stack(row);
      if (trim) stack = data.trimmed(stack);
      this.add(inverted ? stack : stack.reverse(), value, row === data.kept);
    }
  }

  /** Frames of the same function in the same module have one key. */
  static keys(data) {
    if (data.flameKeys) return data.flameKeys;
    const known = new Map();
    data.flameKeys = data.frame.name.map((name, i) => {
      const key = name * 1e6 + data.frame.module[i];
      if (!known.has(key)) known.set(key, i);
      return known.get(key);
    });
    return data.flameKeys;
  }

  add(stack, value, isOther) {
    let at = 0;
    this.nodes[0].value += value;
    const path = stack.length ? stack : [isOther ? -2 : -3];
    for (const frame of path) {
      const key = frame < 0 ? frame : this.keyOf[frame];
      let next = this.nodes[at].children.get(key);
      if (next === undefined) {
        next = this.nodes.length;
        this.nodes.push({ key, frame, parent: at, value: 0, self: 0, depth: this.nodes[at].depth + 1, children: new Map(), sorted: null });
        this.nodes[at].children.set(key, next);
      }
      this.nodes[next].value += value;
      at = next;
    }
    this.nodes[at].self += value;
  }

  children(index) {
    const node = this.nodes[index];
    node.sorted ??= [...node.children.values()].sort((a, b) => this.nodes[b].value - this.nodes[a].value || a - b);
    return node.sorted;
  }

  name(index) {
    const { frame } = this.nodes[index];
    if (frame >= 0) return this.data.short(frame);
    if (index === 0) return "all";
    return frame === -2 ? "smaller stacks" : "no stack";
  }

  fullName(index) {
    const { frame } = this.nodes[index];
    return frame >= 0 ? this.data.name(frame) : this.name(index);
  }
}

const flame = {
  row: 19, tree: null, zoom: 0, current: 0, boxes: [], canvas: null, matched: null,

  start(panel) {
    const measure = make("select", { id: "flame-measure", "aria-label": "Measure", onchange: (event) => chosen.set({ measure: event.target.value }) });
    for (const id of offered) measure.append(make("option", { value: id }, measures[id].label));
    const search = make("input", { id: "flame-search", type: "search", placeholder: "Search functions, files, modules  ( / )", "aria-label": "Search",
      oninput: (event) => chosen.set({ search: event.target.value }) });
    const check = (id, label, title, key, invert) => make("label.check", { title }, make("input", { id, type: "checkbox",
      onchange: (event) => chosen.set({ [key]: invert ? !event.target.checked : event.target.checked }) }), label);
    this.canvas = make("canvas", { id: "flame-canvas", tabIndex: 0, role: "application", "aria-label": "Flame graph. Arrow keys move, Enter zooms, Backspace zooms out." });
    panel.append(
      make("div.bar", {}, measure, search, make("span.note", { id: "flame-status", "aria-live": "polite" }), make("span.spacer"),
        check("flame-inverted", "Inverted", "Allocating functions on top, their callers below (i)", "inverted"),
        check("flame-trim", "Allocator and start-up frames", "Show malloc, operator new, _start and their like (t)", "trim", true),
        make("button.button", { type: "button", id: "flame-reset", onclick: () => this.zoomTo(0) }, "Reset zoom"),
        make("button.button", { type: "button", title: "Folded stacks, for other flame graph tools", onclick: () => this.saveFolded() }, "Save folded")),
      make("p.note", { hidden: !before }, "As wide as now. ", make("span.up", {}, "Red"), " allocates more than before, ", make("span.down", {}, "blue"), " less; what is gone is under Changes."),
      make("p.note", { hidden: !onlySurvivors }, survivorsNote), make("p.note", { id: "flame-note" }), make("div", { id: "flame-crumbs" }), make("div", { id: "flame-view" }, this.canvas), make("div", { id: "flame-detail" }));
    this.canvas.addEventListener("mousemove", (event) => this.hover(event));
    this.canvas.addEventListener("mouseleave", () => tip.hide());
    this.canvas.addEventListener("click", (event) => { const hit = this.hit(event); if (hit != null) { this.current = hit; this.zoomTo(hit); } });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  },

  /** Rebuilds the tree after the range, measure or shape changed. */
  build() {
    this.tree = new FlameTree(recorded, values()[chosen.measure], chosen);
    this.zoom = this.find(chosen.zoom);
    this.current = this.zoom;
    this.past = null;
    if (before && !chosen.range) {
      const paths = comparison.beforeTree(), names = [""];
      this.past = this.tree.nodes.map((node, i) => {
        if (i > 0) names[i] = `${names[node.parent]}\n${node.frame >= 0 ? recorded.signature(node.frame) : node.frame}`;
        return paths.get(names[i]) || 0;
      });
    }
    this.match();
  },

  match() {
    const text = chosen.search.trim().toLowerCase();
    this.matched = null;
    if (!text) return;
    const hits = recorded.frame.name.map((_, i) =>
      `${recorded.name(i)}\n${recorded.text(recorded.frame.file[i])}\n${recorded.module(i)}\n${recorded.short(i)}`.toLowerCase().includes(text));
    const nodes = new Uint8Array(this.tree.nodes.length);
    let value = 0, boxes = 0;
    const covered = new Uint8Array(nodes.length);
    this.tree.nodes.forEach((node, i) => {
      nodes[i] = node.frame >= 0 && hits[node.frame] ? 1 : 0;
      covered[i] = node.parent >= 0 && (covered[node.parent] || nodes[node.parent]) ? 1 : 0;
      if (nodes[i]) {
        boxes++;
        if (!covered[i]) value += node.value;
      }
    });
    this.matched = { nodes, value, boxes };
  },

  /** The widest box of a function; the whole when there is none. */
  find(name) {
    let best = 0;
    if (name) this.tree.nodes.forEach((node, i) => {
      if (node.frame >= 0 && this.tree.name(i) === name && (best === 0 || node.value > this.tree.nodes[best].value)) best = i;
    });
    return best;
  },

  zoomTo(index) {
    this.zoom = index;
    // The address keeps the name; the same name elsewhere in the tree is told apart only until the page is loaded again.
    chosen.zoom = index ? this.tree.name(index) : "";
    chosen.save();
    this.draw();
    byId("flame-view").scrollTop = 0;
  },

  draw() {
    if (!this.tree || chosen.tab !== "flame" && !printing) return;
    const view = byId("flame-view"), tree = this.tree, all = tree.nodes[0].value;
    byId("flame-measure").value = chosen.measure;
    if (byId("flame-search").value !== chosen.search) byId("flame-search").value = chosen.search;
    byId("flame-inverted").checked = chosen.inverted;
    byId("flame-trim").checked = !chosen.trim;
    byId("flame-reset").disabled = this.zoom === 0;
    byId("flame-note").textContent = meaning();
    byId("flame-note").hidden = !meaning();
    const format = measures[chosen.measure].format;
    byId("flame-status").textContent = !all ? "nothing to show" : this.matched
      ? `${count(this.matched.boxes)} boxes match, ${percent(this.matched.value, all)} (${format(this.matched.value)})`
      : `${format(all)} in all`;
    const width = Math.max(200, widthOf(view));
    this.layout(width);
    const depth = this.boxes.reduce((most, box) => Math.max(most, box.depth), 0);
    // Paper does not scroll, and a picture cannot go on over the next page.
    this.row = printing ? Math.max(7, Math.min(19, 840 / (depth + 1))) : 19;
    const ctx = sizeCanvas(this.canvas, width, (depth + 1) * this.row + 2);
    const dark = document.documentElement.dataset.theme === "dark";
    ctx.font = `${Math.min(11.5, this.row * 0.8)}px ${color("mono") || "monospace"}`;
    ctx.textBaseline = "middle";
    const glyph = ctx.measureText("0").width;
    for (const box of this.boxes) this.drawBox(ctx, box, glyph, dark);
    this.drawCrumbs();
    this.drawDetail();
  },

  /** Boxes at least half a pixel wide: the zoomed box's callers over the whole width, then everything under it. */
  layout(width) {
    const tree = this.tree;
    this.boxes = [];
    const above = [];
    for (let at = tree.nodes[this.zoom].parent; at >= 0; at = tree.nodes[at].parent) above.unshift(at);
    above.forEach((index, depth) => this.boxes.push({ index, x: 0, width, depth, faded: true }));
    const open = [{ index: this.zoom, x: 0, width, depth: above.length }];
    while (open.length) {
      const box = open.pop();
      this.boxes.push(box);
      let x = box.x;
      for (const child of tree.children(box.index)) {
        const share = box.width * (tree.nodes[child].value / tree.nodes[box.index].value);
        if (share < 0.5) break;
        open.push({ index: child, x, width: share, depth: box.depth + 1 });
        x += share;
      }
    }
  },

  drawBox(ctx, box, glyph, dark) {
    const y = box.depth * this.row, node = this.tree.nodes[box.index];
    const isMatch = this.matched && this.matched.nodes[box.index];
    let fill;
    if (box.index === 0 || node.frame < 0) fill = dark ? "#323c48" : "#d9dee4";
    else if (isMatch) fill = color("mark");
    else if (this.past) fill = changeColor(node.value, this.past[box.index], this.tree.nodes[0].value, dark);
    else fill = frameColor(node.frame, dark, Boolean(this.matched));
    ctx.globalAlpha = box.faded ? 0.55 : 1;
    ctx.fillStyle = fill;
    ctx.fillRect(box.x, y, Math.max(0.5, box.width - (box.width > 3 ? 1 : 0)), this.row - 1);
    if (box.index === this.current && this.current !== 0) {
      ctx.strokeStyle = color("text");
      ctx.strokeRect(box.x + 0.5, y + 0.5, Math.max(1, box.width - 2), this.row - 2);
    }
    const room = Math.floor((box.width - 8) / glyph);
    if (room >= 3) {
      let text = this.tree.name(box.index);
      if (box.index === 0) text = `all · ${measures[chosen.measure].label.toLowerCase()} · ${measures[chosen.measure].format(node.value)}`;
      if (text.length > room) text = `${text.slice(0, room - 1)}…`;
      ctx.fillStyle = isMatch ? "#fff" : dark ? "#eef2f6" : "#1b2430";
      ctx.fillText(text, box.x + 4, y + this.row / 2);
    }
    ctx.globalAlpha = 1;
  },

  drawCrumbs() {
    const box = byId("flame-crumbs");
    if (this.zoom === 0) { box.replaceChildren(make("span.faint", {}, "Click a box to zoom in; hover for its numbers")); return; }
    const path = [];
    for (let at = this.zoom; at >= 0; at = this.tree.nodes[at].parent) path.unshift(at);
    const shown = path.length > 6 ? [path[0], null, ...path.slice(-4)] : path;
    box.replaceChildren(...shown.flatMap((index, i) => [i ? " › " : "",
      index == null ? "…" : make("button", { type: "button", onclick: () => this.zoomTo(index) }, this.tree.name(index))]));
  },

  drawDetail() {
    const index = this.current || this.zoom, node = this.tree.nodes[index];
    const format = measures[chosen.measure].format;
    const lines = [make("div", {}, make("span.mono", {}, this.tree.fullName(index))),
      make("div.note", {}, this.facts(index).map(([label, text]) => `${label} ${text}`).join(" · "))];
    byId("flame-detail").replaceChildren(...(node && this.tree.nodes[0].value ? lines : [format(0)]));
  },

  facts(index) {
    const node = this.tree.nodes[index], format = measures[chosen.measure].format, all = this.tree.nodes[0].value;
    const facts = [[measures[chosen.measure].label.toLowerCase(), `${format(node.value)} (${percent(node.value, all)})`]];
    if (index !== 0) facts.push([chosen.inverted ? "from here on outwards" : "in itself", `${format(node.self)} (${percent(node.self, all)})`]);
    if (this.past) facts.push(["change", changeOf(node.value, this.past[index], format)]);
    if (node.frame >= 0) facts.push(["at", recorded.place(node.frame)], ["module", recorded.module(node.frame)]);
    return facts.filter(([, text]) => text);
  },

  hit(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left, depth = Math.floor((event.clientY - box.top) / this.row);
    const found = this.boxes.find((item) => item.depth === depth && x >= item.x && x < item.x + item.width);
    return found ? found.index : null;
  },

  hover(event) {
    const index = this.hit(event);
    if (index == null) tip.hide();
    else tip.show(event, this.tree.fullName(index), this.facts(index));
  },

  key(event) {
    const tree = this.tree, node = tree.nodes[this.current];
    const siblings = node.parent >= 0 ? tree.children(node.parent) : [0];
    const place = siblings.indexOf(this.current);
    let next = null;
    if (event.key === "ArrowDown") next = tree.children(this.current)[0];
    else if (event.key === "ArrowUp") next = node.parent >= 0 ? node.parent : null;
    else if (event.key === "ArrowRight") next = siblings[place + 1];
    else if (event.key === "ArrowLeft") next = siblings[place - 1];
    else if (event.key === "Enter") { event.preventDefault(); this.zoomTo(this.current); return; }
    else if (event.key === "Backspace" || event.key === "Escape") {
      event.preventDefault();
      this.zoomTo(event.key === "Escape" ? 0 : Math.max(0, tree.nodes[this.zoom].parent));
      return;
    } else return;
    event.preventDefault();
    if (next == null) return;
    this.current = next;
    this.draw();
  },

  saveFolded() {
    const column = values()[chosen.measure];
    const lines = [];
    for (let row = 0; row < recorded.rows; row++) {
      if (!(column[row] > 0)) continue;
      const stack = row === recorded.kept ? [] : recorded.stack(row).reverse();
      const text = stack.map((frame) => recorded.name(frame).replace(/[;\n]/g, ":")).join(";");
      lines.push(`${text || "[smaller stacks]"} ${Math.round(column[row])}`);
    }
    save(`${chosen.measure}.folded`, "text/plain", lines.join("\n") + "\n");
  },
};

/** Red for more than before, blue for less; as strong as the change is, relative to the box. */
function changeColor(now, old, all, dark) {
  const change = now - old, share = Math.min(1, Math.abs(change) / Math.max(now, old, 1));
  if (Math.abs(change) < all * 1e-6) return dark ? "#333d49" : "#e6e9ed";
  const light = dark ? 26 + share * 18 : 93 - share * 25;
  return `hsl(${change > 0 ? 4 : 212} ${30 + share * 45}% ${light}%)`;
}

/** A colour for each module, a shade for each function. */
function frameColor(frame, dark, muted) {
  const hue = recorded.moduleHue(recorded.frame.module[frame]), name = recorded.short(frame);
  let shade = 0;
  for (let i = 0; i < name.length; i++) shade = (shade * 33 + name.charCodeAt(i)) % 97;
  const light = dark ? 29 + (shade % 7) * 1.7 : 74 + (shade % 7) * 1.9;
  const saturation = muted ? 10 : dark ? 40 : 78;
  return `hsl(${hue + (shade % 5) * 3} ${saturation}% ${light}%)`;
}
