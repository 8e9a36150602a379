// SPDX-License-Identifier: Apache-2.0
//
// Events one by one, for recordings of emulated chips: which task allocated or freed which block when.

const eventsPanel = {
  read() {
    const packed = unpack(recorded.events.packed);
    this.rows = [];
    let time = 0;
    for (let i = 0; i < packed.length; i += 7) {
      time += unsign(packed[i]);
      this.rows.push({ id: i / 7, time, freed: packed[i + 1] === 1, process: packed[i + 2], thread: packed[i + 3], address: packed[i + 4], size: packed[i + 5], row: packed[i + 6] });
    }
  },
  start(panel) {
    if (!this.rows) this.read();
    const task = (event) => (recorded.events.names[event.process] || [])[event.thread] || `thread ${event.thread}`;
    const hex = (event) => `0x${event.address.toString(16)}`;
    this.table = new Table({ name: "events", page: 50, sort: ["id", "ascending"], rowId: (event) => event.id, placeholder: "Filter by task, address, size or function",
      searchText: (event) => `${event.freed ? "free" : "allocate"} ${task(event)} ${hex(event)} ${event.size} ${stacks.text(event.row)}`, detail: (event) => stackDetail(event.row),
      columns: [
        numberColumn("id", "#", count, (event) => event.id, { total: null }), numberColumn("time", "Time", duration, (event) => event.time, { total: null }),
        { key: "kind", label: "Event", text: (event) => (event.freed ? "free" : "allocate"), value: (event) => (event.freed ? 1 : 0), cell: (event) => make(`span.pill${event.freed ? ".ok" : ""}`, {}, event.freed ? "free" : "allocate") },
        { key: "task", label: "Allocated by", text: task, value: task }, { key: "address", label: "Address", kind: "name", text: hex, value: (event) => event.address },
        numberColumn("size", "Bytes", count, (event) => event.size, { total: null }),
        { key: "stack", label: "Function ← caller", kind: "name", text: (event) => stacks.text(event.row), value: (event) => stacks.text(event.row) },
      ] });
    if (recorded.events.total > this.rows.length) panel.append(make("p.note", {}, `The first ${count(this.rows.length)} of ${count(recorded.events.total)} events.`));
    panel.append(this.table.element);
  },
  draw() {
    const [from, to] = rangeTimes();
    this.table.set(chosen.range ? this.rows.filter((event) => event.time >= from && event.time <= to) : this.rows);
  },
};
