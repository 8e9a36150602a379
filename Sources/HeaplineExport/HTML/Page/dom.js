// SPDX-License-Identifier: Apache-2.0
//
// Elements, the tooltip, files to save. Text from the trace only ever becomes a text node.

/** make("td.num", {title: …}, children…): children are nodes or text. */
function make(kind, properties, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties || {})) {
    if (value == null) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && !key.includes("-")) element[key] = value;
    else element.setAttribute(key, value);
  }
  for (const child of children) if (child != null) element.append(child);
  return element;
}

const byId = (id) => document.getElementById(id);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Draws a box anew; what had the focus in it (by its data-key) has it afterwards. */
function keepFocus(box, redraw) {
  const key = box.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  redraw();
  if (key == null) return;
  const same = [...box.querySelectorAll("[data-key]")].find((element) => element.dataset.key === key);
  const next = same && !same.disabled ? same : box.querySelector("button:not(:disabled)");
  if (next) next.focus({ preventScroll: true });
}

const tip = {
  /** Shows a title and pairs of label and text near the pointer. */
  show(event, title, pairs) {
    const box = byId("tip");
    const list = make("div.pairs");
    for (const [label, text] of pairs) if (text !== "") list.append(make("span", {}, label), make("span", {}, text));
    box.replaceChildren(make("b", {}, title), list);
    box.hidden = false;
    const { width, height } = box.getBoundingClientRect();
    const x = event.clientX + 14 + width > innerWidth ? event.clientX - width - 10 : event.clientX + 14;
    const y = event.clientY + 16 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 16;
    box.style.left = `${Math.max(4, x)}px`;
    box.style.top = `${Math.max(4, y)}px`;
  },
  hide() { byId("tip").hidden = true; },
};

let printing = false;

/** How wide to draw in a box: on paper as wide as the text is there, or letters would be squeezed. */
const widthOf = (box) => (printing ? 680 : box.clientWidth);

/** A canvas as large as its parent is wide, in device pixels; drawing units are CSS pixels. */
function sizeCanvas(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** A field of a CSV file. */
const csvField = (value) => {
  const text = String(value ?? "");
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
