// SPDX-License-Identifier: Apache-2.0
//
// Regions of an emulated chip over time: across, time; down, addresses; the darker, the fuller. A slider walks through time
// and shows the regions at that moment.

const heapMapPanel = {
  at: 0,

  start(panel) {
    const map = recorded.heapMap;
    for (const region of map.regions) {
      const runs = unpack(region.fill);
      region.cells = new Uint8Array(map.spans * map.cells);
      let place = 0;
      for (let i = 0; i < runs.length; i += 2) {
        region.cells.fill(runs[i], place, place + runs[i + 1]);
        place += runs[i + 1];
      }
      for (const column of ["liveBytes", "blocks", "largestHole"]) region[column] = unpack(region[column]);
    }
    this.at = map.spans - 1;
    this.slider = make("input", { id: "heapmap-time", type: "range", min: 0, max: map.spans - 1, value: this.at, "aria-label": "Moment", oninput: () => { this.at = Number(this.slider.value); this.draw(); } });
    this.slider.style.width = "100%";
    this.moment = make("b", { id: "heapmap-moment" });
    this.rows = make("div");
    panel.append(make("p.note", {}, "Each region's addresses from top to bottom, time from left to right. Drag the slider, or move over a map, to look at a moment. Holes are counted between blocks, so the allocator's headers are part of them."),
      make("div.bar", {}, "At ", this.moment), this.slider, this.rows);
    this.boxes = map.regions.map((region) => {
      const canvas = make("canvas", { width: map.spans, height: map.cells, role: "img", "aria-label": `${region.name} over time` });
      canvas.style.cssText = "width:100%;height:120px;image-rendering:pixelated;border-radius:4px;border:1px solid var(--line);display:block;cursor:crosshair";
      canvas.addEventListener("pointermove", (event) => {
        const box = canvas.getBoundingClientRect();
        const [first, last] = this.shown();
        this.at = Math.max(first, Math.min(last, first + Math.floor(((event.clientX - box.left) / box.width) * (last + 1 - first))));
        this.slider.value = this.at;
        this.draw();
        const address = region.start + ((event.clientY - box.top) / box.height) * region.bytes;
        tip.show(event, region.name, [["around", `0x${Math.floor(address).toString(16)}`], ["at", duration(this.at * map.width)], ["live", bytes(region.liveBytes[this.at])]]);
      });
      canvas.addEventListener("pointerleave", () => tip.hide());
      const strip = make("canvas", { width: map.cells, height: 1 });
      strip.style.cssText = "width:100%;height:18px;image-rendering:pixelated;border-radius:4px;border:1px solid var(--line);display:block;margin-top:4px";
      const facts = make("p.note");
      this.rows.append(make("div", { style: "margin:14px 0" }, make("h3", {}, `${region.name} · 0x${region.start.toString(16)} · ${bytes(region.bytes)}`), facts, canvas, strip));
      return { region, canvas, strip, facts };
    });
  },

  /** The first and the last column of the chosen range. */
  shown() {
    const { width, spans } = recorded.heapMap, [from, to] = rangeTimes();
    const first = Math.min(spans - 1, Math.floor(from / width));
    return [first, Math.max(first, Math.min(spans - 1, Math.ceil(to / width) - 1))];
  },
  build() {
    const [first, last] = this.shown();
    Object.assign(this.slider, { min: first, max: last });
    this.at = Math.max(first, Math.min(last, this.at));
    this.slider.value = this.at;
  },

  draw() {
    const map = recorded.heapMap, [first, last] = this.shown(), across = last + 1 - first;
    const [full, empty] = [color("live"), color("line-soft")].map(hexColor);
    this.moment.textContent = `${duration(Math.min(recorded.duration, (this.at + 1) * map.width))} of ${duration(recorded.duration)}`;
    for (const { region, canvas, strip, facts } of this.boxes) {
      const image = new ImageData(across, map.cells), line = new ImageData(map.cells, 1);
      const paint = (data, place, value) => {
        const share = value === 0 ? 0 : 0.25 + (value / 255) * 0.75;
        for (let c = 0; c < 3; c++) data[4 * place + c] = empty[c] + (full[c] - empty[c]) * share;
        data[4 * place + 3] = 255;
      };
      canvas.width = across;
      for (let span = first; span <= last; span++) {
        for (let cell = 0; cell < map.cells; cell++) paint(image.data, cell * across + span - first, region.cells[span * map.cells + cell]);
      }
      for (let cell = 0; cell < map.cells; cell++) {
        paint(line.data, cell, region.cells[this.at * map.cells + cell]);
        image.data.set([213, 38, 127, 255], 4 * (cell * across + this.at - first));
      }
      canvas.getContext("2d").putImageData(image, 0, 0);
      strip.getContext("2d").putImageData(line, 0, 0);
      const free = region.bytes - region.liveBytes[this.at], hole = region.largestHole[this.at];
      facts.textContent = `${bytes(region.liveBytes[this.at])} in ${count(region.blocks[this.at])} blocks (${percent(region.liveBytes[this.at], region.bytes)}), largest hole ${bytes(hole)} of ${bytes(free)} not in use`;
    }
  },
};

function hexColor(text) {
  const digitsOnly = text.replace("#", "");
  return [0, 2, 4].map((i) => parseInt(digitsOnly.slice(i, i + 2), 16));
}
