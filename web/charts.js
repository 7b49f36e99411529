// Lines over time and over height, small.

import { fit } from "./view.js";

const colours = () => {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => resolved(style.getPropertyValue(name));
  return { ink: of("--ink"), soft: of("--soft"), line: of("--line"), a: of("--accent"), b: of("--second") };
};

/** light-dark(a, b) is not known to canvases: the one that holds. */
function resolved(value) {
  const [, light, dark] = value.match(/light-dark\(\s*([^,]+),\s*([^)]+)\)/) ?? [null, value, value];
  return (matchMedia("(prefers-color-scheme: dark)").matches ? dark : light).trim();
}


export function short(value) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

/** Round values and how they are written. */
function ticks(low, high, most) {
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((n) => n * power >= rough);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + 1e-9 * step; at += step)
    found.push(Math.abs(at) < 1e-9 * step ? 0 : at);
  const large = Math.max(Math.abs(low), Math.abs(high)), plain = large < 1e5 && step >= 1e-4;
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return found.map((at) => [at, plain ? at.toFixed(decimals) : short(at)]);
}

function extent(arrays, margin) {
  let low = Infinity, high = -Infinity;
  for (const array of arrays)
    for (const value of array) if (Number.isFinite(value)) (low = Math.min(low, value)), (high = Math.max(high, value));
  if (low > high) return [0, 1];
  const more = margin * Math.max(high - low, 1e-6 * Math.abs(high), 1e-12);
  return [low - more, high + more];
}

/** `lines`: { x, y, colour: "a" | "b" | "soft", dashed }. */
export function drawChart(canvas, lines, { x: xRange, y: yRange } = {}) {
  const ratio = fit(canvas), context = canvas.getContext("2d"), colour = colours();
  const left = 50 * ratio, right = canvas.width - 8 * ratio, top = 6 * ratio, bottom = canvas.height - 18 * ratio;
  context.clearRect(0, 0, canvas.width, canvas.height);
  const [x0, x1] = xRange ?? extent(lines.map((line) => line.x), 0);
  const [y0, y1] = yRange ?? extent(lines.map((line) => line.y), 0.08);
  const px = (x) => left + ((x - x0) / (x1 - x0 || 1)) * (right - left);
  const py = (y) => bottom - ((y - y0) / (y1 - y0 || 1)) * (bottom - top);
  context.font = `${10.5 * ratio}px system-ui, sans-serif`;
  context.fillStyle = colour.soft;
  context.strokeStyle = colour.line;
  context.lineWidth = ratio;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const [y, text] of ticks(y0, y1, 3)) {
    context.beginPath();
    context.moveTo(left, py(y));
    context.lineTo(right, py(y));
    context.stroke();
    context.fillText(text, left - 5 * ratio, py(y));
  }
  context.textBaseline = "alphabetic";
  const most = Math.max(1, Math.min(5, Math.floor((right - left) / (58 * ratio))));
  for (const [x, text] of ticks(x0, x1, most)) {
    context.textAlign = px(x) > right - 12 * ratio ? "right" : "center";
    context.fillText(text, px(x), canvas.height - 4 * ratio);
  }
  context.save();
  context.beginPath();
  context.rect(left, 0, right - left + ratio, bottom + ratio);
  context.clip();
  for (const { x, y, colour: name, dashed } of lines) {
    context.beginPath();
    for (let k = 0; k < x.length; k++) context.lineTo(px(x[k]), py(y[k]));
    context.strokeStyle = colour[name];
    context.lineWidth = 1.8 * ratio;
    context.setLineDash(dashed ? [4 * ratio, 3 * ratio] : []);
    context.stroke();
  }
  context.restore();
}

/** Columns of numbers, of which every other row is left out where there are too many. */
export class Series {
  constructor(most = 1500) {
    this.most = most;
    this.columns = {};
    this.every = 1;
    this.seen = 0;
  }

  add(row) {
    if (this.seen++ % this.every) return;
    for (const [name, value] of Object.entries(row)) (this.columns[name] ??= []).push(value);
    if (this.of("time").length > this.most) {
      this.every *= 2;
      for (const name of Object.keys(this.columns))
        this.columns[name] = this.columns[name].filter((_, k) => k % 2 === 0);
    }
  }

  of(name) {
    return this.columns[name] ?? [];
  }
}
