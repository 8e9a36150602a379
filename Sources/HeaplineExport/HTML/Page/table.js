// SPDX-License-Identifier: Apache-2.0
//
// A table that sorts, filters and pages, with totals of what the filter lets through. Columns:
//   { key, label, number, text(row) → string, cell(row) → node, value(row) → to sort by, total: format of the sum }

class Table {
  constructor(options) {
    this.options = { page: 25, ...options };
    this.sort = this.options.sort;
    this.filter = "";
    this.at = 0;
    this.opened = new Set();
    this.search = make("input", { type: "search", placeholder: this.options.placeholder || "Filter", "aria-label": "Filter this table",
      oninput: () => { this.filter = this.search.value.trim().toLowerCase(); this.at = 0; this.draw(); } });
    this.bar = make("div.bar.table-bar", {}, this.search, make("span.spacer"),
      make("button.button", { type: "button", title: "What the filter lets through, all pages", onclick: () => this.saveCSV() }, "Save CSV"));
    this.wrap = make("div.table-wrap");
    this.pager = make("div.pager");
    this.element = make("div", {}, this.bar, this.wrap, this.pager);
  }

  set(rows) {
    this.rows = rows;
    this.at = 0;
    this.opened.clear();
    this.draw();
  }

  column(key) { return this.options.columns.find((column) => column.key === key); }

  visible() {
    let rows = this.rows;
    if (this.filter) rows = rows.filter((row) => this.options.searchText(row).toLowerCase().includes(this.filter));
    const [key, direction] = this.sort;
    const { value } = this.column(key);
    const sign = direction === "descending" ? -1 : 1;
    return rows.map((row, i) => [row, value(row), i]).sort((a, b) => {
      if (a[1] === b[1]) return a[2] - b[2];
      return (a[1] == null ? -1 : b[1] == null ? 1 : a[1] < b[1] ? -1 : 1) * sign;
    }).map((item) => item[0]);
  }

  draw() { keepFocus(this.element, () => this.redraw()); }

  redraw() {
    const { columns, page: size, detail, rowId } = this.options;
    const rows = this.visible();
    this.at = Math.max(0, Math.min(this.at, Math.ceil(rows.length / size) - 1));
    const shown = rows.slice(this.at * size, (this.at + 1) * size);
    const head = make("tr");
    for (const column of columns) {
      const sorted = this.sort[0] === column.key;
      head.append(make(`th${column.number ? ".num" : ""}`, { scope: "col", title: column.title, "aria-sort": sorted ? this.sort[1] : null },
        make("button", { type: "button", "data-key": `column ${column.key}`, onclick: () => {
          const first = column.number ? "descending" : "ascending";
          const other = first === "descending" ? "ascending" : "descending";
          this.sort = [column.key, sorted && this.sort[1] === first ? other : first];
          this.at = 0;
          this.draw();
        } }, column.label)));
    }
    const body = make("tbody");
    for (const row of shown) {
      const id = rowId ? rowId(row) : null;
      const toggle = () => {
        if (this.opened.has(id)) this.opened.delete(id);
        else this.opened.add(id);
        this.draw();
      };
      const line = make(detail ? `tr.row${this.opened.has(id) ? ".open" : ""}` : "tr", detail ? { tabIndex: 0, "data-key": `row ${id}`, onclick: toggle,
        "aria-expanded": String(this.opened.has(id)), onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); } } } : {});
      for (const column of columns) {
        line.append(make(`td${column.number ? ".num" : ""}${column.kind ? `.${column.kind}` : ""}`, { title: column.hover ? column.hover(row) : null },
          column.cell ? column.cell(row) : column.text(row)));
      }
      body.append(line);
      if (detail && this.opened.has(id)) body.append(make("tr.detail", {}, make("td", { colSpan: columns.length }, detail(row))));
    }
    if (!shown.length) body.append(make("tr", {}, make("td.note", { colSpan: columns.length }, this.filter ? "Nothing matches the filter." : this.options.empty || "Nothing.")));
    const foot = make("tr");
    columns.forEach((column, i) => foot.append(make(`td${column.number ? ".num" : ""}`, {},
      column.total ? (rows.every((row) => column.value(row) == null) ? "–" : column.total(rows.reduce((sum, row) => sum + (column.value(row) || 0), 0))) : i === 0 ? (this.filter ? "Sum of what is shown" : "Sum") : "")));
    const parts = [make("thead", {}, head), body];
    if (columns.some((column) => column.total) && rows.length) parts.push(make("tfoot", {}, foot));
    this.wrap.replaceChildren(make("table", {}, ...parts));
    this.drawPager(rows.length, size);
  }

  drawPager(length, size) {
    const pages = Math.max(1, Math.ceil(length / size));
    const go = (page) => { this.at = page; this.draw(); };
    const button = (label, page, enabled) => make("button.button", { type: "button", "data-key": label, disabled: !enabled, onclick: () => go(page) }, label);
    this.pager.replaceChildren(button("‹ Previous", this.at - 1, this.at > 0), button("Next ›", this.at + 1, this.at + 1 < pages),
      make("span", {}, length ? `${count(this.at * size + 1)}–${count(Math.min(length, (this.at + 1) * size))} of ${count(length)}` : "0"));
    this.pager.hidden = pages === 1 && !this.filter;
  }

  saveCSV() {
    const { columns, name } = this.options;
    const lines = [columns.map((column) => csvField(column.label)).join(",")];
    for (const row of this.visible()) {
      lines.push(columns.map((column) => csvField(column.number ? column.value(row) ?? "" : column.text ? column.text(row) : column.value(row))).join(","));
    }
    save(`${name}.csv`, "text/csv", lines.join("\r\n") + "\r\n");
  }
}

/** A column of numbers; `format` for people, the exact value on hover and in the CSV. */
function numberColumn(key, label, format, value, more = {}) {
  return { key, label, number: true, value, cell: (row) => document.createTextNode(value(row) == null ? "–" : format(value(row))),
    hover: (row) => (value(row) == null ? null : count(value(row))), total: format, ...more };
}
