// SPDX-License-Identifier: Apache-2.0
//
// The data of the page, unpacked. What is packed how is said in PageData.swift and PageStacks.swift; nothing else reads it.
"use strict";

const page = JSON.parse(document.getElementById("data").textContent);

/** LEB128 in base64 as an array of numbers; exact below 2^53. */
function unpack(text) {
  const bytes = atob(text);
  const result = [];
  let value = 0, factor = 1;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes.charCodeAt(i);
    value += (byte & 127) * factor;
    if (byte < 128) {
      result.push(value);
      value = 0;
      factor = 1;
    } else {
      factor *= 128;
    }
  }
  return result;
}

/** The lowest bit is the sign. */
const unsign = (value) => (value % 2 ? -(value + 1) / 2 : value / 2);

const rootCount = 16;

/** Functions that only hand on an allocation: xmalloc, g_malloc0, zmalloc_usable, PyMem_RawCalloc, _PyObject_Malloc, … */
const wrapper = /^\w*?(m|c|z|re)alloc(ate|0|_array|array|_n|n|_num)?(_usable)?$|^_?Py(Mem|Object)_(Raw)?(Malloc|Calloc|Realloc)$|^x(str|mem)n?dup$/i;

/** One history: the stacks, what each did, and when. */
class Recorded {
  constructor(data) {
    Object.assign(this, data);
    this.readFrames();
    this.readSites();
    this.readTimeline();
    this.readActivity();
  }

  readFrames() {
    const packed = unpack(this.frames);
    const count = packed.length / 6;
    this.frame = { name: [], short: [], file: [], line: [], module: [], flags: [] };
    for (let i = 0; i < count; i++) {
      this.frame.name.push(packed[6 * i]);
      this.frame.short.push(packed[6 * i + 1]);
      this.frame.file.push(packed[6 * i + 2]);
      this.frame.line.push(packed[6 * i + 3]);
      this.frame.module.push(packed[6 * i + 4]);
      this.frame.flags.push(packed[6 * i + 5]);
    }
    const nodes = unpack(this.nodes);
    this.parentOf = new Int32Array(rootCount + nodes.length / 2);
    this.frameOf = new Int32Array(rootCount + nodes.length / 2).fill(-1);
    for (let i = 0; i < nodes.length / 2; i++) {
      this.parentOf[rootCount + i] = nodes[2 * i];
      this.frameOf[rootCount + i] = nodes[2 * i + 1];
    }
  }

  /** Rows: one for each stack kept, and a last one for all others. */
  readSites() {
    const packed = unpack(this.sites);
    const columns = ["node", "allocations", "bytes", "liveBlocks", "liveBytes", "peakBlocks", "peakBytes", "temporary", "reallocations"];
    const rows = packed.length / columns.length;
    this.kept = this.otherStacks > 0 ? rows - 1 : rows;
    this.rows = this.kept + 1;
    this.site = {};
    columns.forEach((column, c) => {
      const values = new Float64Array(this.rows);
      for (let i = 0; i < rows; i++) values[i] = packed[columns.length * i + c];
      this.site[column] = values;
    });
  }

  readTimeline() {
    for (const column of ["maxLiveBytes", "liveBytes", "liveBlocks", "allocations", "frees", "bytes", "resident"]) {
      this.timeline[column] = unpack(this.timeline[column]);
    }
    // 0 once every process has ended: nothing was seen any more.
    this.timeline.resident = this.timeline.resident.map((value) => (value > 1 ? value - 1 : null));
  }

  /** Entries of span s are those from `first[s]` to `first[s + 1]`. */
  readActivity() {
    if (!this.activity) return;
    const entries = { first: [0], row: [], allocations: [], bytes: [], temporary: [], liveBlocks: [], liveBytes: [] };
    let packed = unpack(this.activity.entries), at = 0;
    const others = (row) => (row >= this.activity.exactStacks ? this.kept : row);
    for (let span = 0; span < this.activity.spans; span++) {
      let row = 0;
      for (let left = packed[at++]; left > 0; left--) {
        row += packed[at++];
        entries.row.push(others(row));
        entries.allocations.push(packed[at++]);
        entries.bytes.push(packed[at++]);
        entries.temporary.push(packed[at++]);
        entries.liveBlocks.push(unsign(packed[at++]));
        entries.liveBytes.push(unsign(packed[at++]));
      }
      entries.first.push(entries.row.length);
    }
    this.entries = entries;
    for (const shape of ["sizes", "lifetimes"]) this.activity[shape] = this.readOctaves(this.activity[shape]);
    if (!this.activity.births) return;
    packed = unpack(this.activity.births);
    at = 0;
    const births = { first: [0], row: [], blocks: [], bytes: [] };
    for (let span = 0; span < this.activity.spans; span++) {
      let row = 0;
      for (let left = packed[at++]; left > 0; left--) {
        row += packed[at++];
        births.row.push(others(row));
        births.blocks.push(packed[at++]);
        births.bytes.push(packed[at++]);
      }
      births.first.push(births.row.length);
    }
    this.births = births;
  }

  /** For each span a map of powers of two to [count, sum]. */
  readOctaves(text) {
    const packed = unpack(text);
    let at = 0;
    return Array.from({ length: this.activity.spans }, () => {
      const octaves = new Map();
      let octave = 0;
      for (let left = packed[at++]; left > 0; left--) {
        octave += packed[at++];
        octaves.set(octave, [packed[at++], packed[at++]]);
      }
      return octaves;
    });
  }

  text(index) { return index ? this.strings[index - 1] : ""; }

  /** Frame ids of a row's stack, inner to outer. */
  stack(row) {
    const result = [];
    for (let node = this.site.node[row]; node >= rootCount; node = this.parentOf[node]) result.push(this.frameOf[node]);
    return result;
  }

  /** Why a row's stack ends where it does. */
  end(row) {
    let node = this.site.node[row];
    while (node >= rootCount) node = this.parentOf[node];
    return this.ends[node];
  }

  isAllocator(frame) { return (this.frame.flags[frame] & 2) !== 0; }
  isStart(frame) { return (this.frame.flags[frame] & 4) !== 0; }

  /** A stack without the allocator's and start-up code's frames; all of it when nothing would be left. */
  trimmed(stack) {
    let from = 0, to = stack.length;
    while (from < to && this.isAllocator(stack[from])) from++;
    while (to > from && this.isStart(stack[to - 1])) to--;
    return from < to ? stack.slice(from, to) : stack;
  }

  /** A hue for each module, the one that allocates most first. */
  moduleHue(module) {
    if (!this.hues) {
      const weight = new Map();
      for (let row = 0; row < this.kept; row++) {
        const stack = this.trimmed(this.stack(row));
        for (const frame of new Set(stack.map((item) => this.frame.module[item]))) {
          weight.set(frame, (weight.get(frame) || 0) + this.site.bytes[row]);
        }
      }
      const order = [...weight].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map((item) => item[0]);
      const hues = [28, 210, 145, 275, 48, 335, 185, 95, 0, 240];
      this.hues = new Map(order.map((item, i) => [item, i < hues.length ? hues[i] : (i * 67) % 360]));
    }
    return this.hues.get(module) ?? 210;
  }

  /** A function's name without arguments; one without a name is known by its address in its module. */
  short(frame) {
    const name = this.text(this.frame.short[frame]), module = this.module(frame);
    return this.frame.flags[frame] & 8 || !module ? name : `${name} in ${fileName(module)}`;
  }
  /** What a function is called when two recordings are compared: one without a name is known by its module. */
  signature(frame) { return this.frame.flags[frame] & 8 ? this.short(frame) : `?? in ${fileName(this.module(frame))}`; }
  name(frame) { return this.text(this.frame.name[frame]); }
  module(frame) { return this.text(this.frame.module[frame]); }
  place(frame) {
    const file = this.text(this.frame.file[frame]);
    if (!file) return "";
    return this.frame.line[frame] ? `${file}:${this.frame.line[frame]}` : file;
  }

  /** What a row is called in a list: its innermost two calls that are the program's own. */
  label(row) {
    if (row === this.kept) return { name: `${count(this.otherStacks || this.rows)} smaller stacks`, via: "", other: true };
    const stack = this.trimmed(this.stack(row));
    if (!stack.length) return { name: `(${this.end(row)})`, via: "" };
    // A program's own wrapper of malloc says no more than malloc does: look who called it.
    let at = stack.findIndex((frame) => !wrapper.test(this.short(frame)));
    if (at < 0) at = 0;
    const name = this.short(stack[at]);
    const caller = stack.slice(at + 1).find((frame) => this.short(frame) !== name);
    return { name, via: caller === undefined ? "" : this.short(caller) };
  }
}
