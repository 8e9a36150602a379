// SPDX-License-Identifier: Apache-2.0
//
// Sizes and lifetimes: how many, by powers of two.

/** Rows are [lowest, highest, count, sum]. */
function histogramBox(title, rows, format, weight) {
  const bars = make("div.bars");
  const amount = (row) => (weight === "bytes" ? row[3] : row[2]);
  const most = rows.reduce((top, row) => Math.max(top, amount(row)), 1), all = rows.reduce((sum, row) => sum + amount(row), 0);
  for (const row of rows) {
    const label = row[0] === row[1] ? format(row[0]) : `${format(row[0])} – ${format(row[1] + 1)}`;
    bars.append(make("span.from", {}, label), make("span.track", { title: `${count(row[2])} blocks, ${count(row[3])} bytes` }, barFill(amount(row) / most)),
      make("span.amount", {}, `${weight === "bytes" ? bytes(amount(row)) : shortCount(amount(row))} · ${percent(amount(row), all)}`));
  }
  if (!rows.length) bars.append(make("span.note", {}, "none"));
  return make("div", {}, make("h3", {}, title), bars);
}

const distributions = {
  start(panel) {
    this.charts = make("div.charts");
    panel.append(make("p.note", { hidden: !onlySurvivors }, survivorsNote), this.charts);
  },
  draw() {
    const quantiles = (data, format) => {
      const [half, most, nearly] = data.quantiles;
      return make("p.quantiles", {}, half == null ? "none" : `half are at most ${format(half)}, 90 % ${format(most)}, 99 % ${format(nearly)}`);
    };
    const sizes = rangedHistogram("sizes"), lifetimes = rangedHistogram("lifetimes");
    const blocks = histogramBox("Allocations by size asked for", sizes.rows, bytes, "blocks");
    blocks.children[0].after(quantiles(sizes, bytes));
    const weights = histogramBox("Allocated bytes by size asked for", sizes.rows, bytes, "bytes");
    weights.children[0].after(make("p.quantiles", {}, `${bytes(sizes.rows.reduce((sum, row) => sum + row[3], 0))} in all`));
    const ages = histogramBox("Freed blocks by how long they lived", lifetimes.rows, duration, "blocks");
    ages.children[0].after(quantiles(lifetimes, duration));
    this.charts.replaceChildren(blocks, weights, ages);
  },
};
