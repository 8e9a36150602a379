// SPDX-License-Identifier: Apache-2.0
//
// Numbers for people. Exact values are always one hover away.

const grouped = new Intl.NumberFormat("en-US");
const count = (value) => (value == null ? "–" : grouped.format(Math.round(value)).replace("-", "−"));

/** 1 block, 2 blocks. */
const counted = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** 1,234 as it is; above 99,999 as 1.23 M. */
function shortCount(value) {
  if (value == null) return "–";
  const size = Math.abs(value);
  if (size < 1e5) return count(value);
  for (const [unit, factor] of [["G", 1e9], ["M", 1e6], ["k", 1e3]]) {
    if (size >= factor) return `${digits(value / factor)} ${unit}`;
  }
  return count(value);
}

function digits(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2).replace("-", "−");
}

function bytes(value) {
  if (value == null) return "–";
  let size = Math.abs(value);
  if (size < 1024) return `${count(value)} B`;
  let unit = -1;
  while (size >= 1023.5 && unit < 5) {
    size /= 1024;
    unit++;
  }
  return `${value < 0 ? "−" : ""}${digits(size)} ${["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][unit]}`;
}

function duration(nanoseconds) {
  if (nanoseconds == null) return "–";
  if (nanoseconds < 1e3) return `${nanoseconds} ns`;
  if (nanoseconds < 1e6) return `${digits(nanoseconds / 1e3)} µs`;
  if (nanoseconds < 1e9) return `${digits(nanoseconds / 1e6)} ms`;
  const seconds = nanoseconds / 1e9;
  if (seconds < 120) return `${digits(seconds)} s`;
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return parts[0] ? `${parts[0]} h ${parts[1]} min` : `${parts[1]} min ${parts[2]} s`;
}

function percent(part, whole) {
  if (!whole) return "0 %";
  const share = (part / whole) * 100;
  return share !== 0 && Math.abs(share) < 0.1 ? "<0.1 %" : `${share.toFixed(1)} %`;
}

/** What can be measured of a stack, in the order offered. */
const measures = {
  bytes: { label: "Bytes allocated", format: bytes, unit: "bytes" },
  allocations: { label: "Allocations", format: shortCount, unit: "blocks" },
  temporary: { label: "Temporary allocations", format: shortCount, unit: "blocks" },
  peakBytes: { label: "Bytes at the peak", format: bytes, unit: "bytes" },
  peakBlocks: { label: "Blocks at the peak", format: shortCount, unit: "blocks" },
  liveBytes: { label: "Bytes never freed", format: bytes, unit: "bytes" },
  liveBlocks: { label: "Blocks never freed", format: shortCount, unit: "blocks" },
};

/** The step of a scale with at most `wanted` steps: 1, 2 or 5 times a power of ten, of bytes times the unit they are written in. */
function niceStep(span, wanted, binary) {
  const raw = span / Math.max(wanted, 1);
  if (binary && raw >= 1) {
    const unit = 1024 ** Math.floor(Math.log2(raw) / 10 + 1e-9);
    const step = niceStep(span / unit, wanted, false);
    return unit * (step > 500 ? 1024 : step);  // 1000 KiB would be written as 0.98 MiB
  }
  const power = 10 ** Math.floor(Math.log10(raw || 1));
  for (const factor of [1, 2, 5, 10]) if (raw <= factor * power) return factor * power;
  return 10 * power;
}
