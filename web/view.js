// Fields of a frame on a canvas: colours, streamlines, tracers, the brush.

import { COLOURS } from "./generated.js";

/** Colours between which values are told apart. */
const FINE = 1024;

const TABLES = Object.fromEntries(
  Object.entries(COLOURS).map(([name, packed]) => {
    const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
    const table = new Uint32Array(256);
    for (let k = 0; k < 256; k++)
      table[k] = (255 << 24) | (bytes[3 * k + 2] << 16) | (bytes[3 * k + 1] << 8) | bytes[3 * k];
    return [name, table];
  }));

/** Where on the scale the median of T lies, if it is bent that far, and how far that may be. */
const INTERIOR = 0.65, MOST_BENT = 2;

/** The values that a field is drawn by, at the cells, and between what. */
export function fieldOf(frame, name, law, range) {
  const { nx, ny, temperature: T } = frame;
  if (name === "temperature") return { values: T, ...range, name };
  if (name === "speed") {
    const values = speeds(frame);
    return { values, low: 0, high: values.reduce((a, b) => Math.max(a, b), 1e-12), name };
  }
  if (frame.log_viscosity)
    return { values: frame.log_viscosity, ...rangeOf(frame.log_viscosity), name };
  const values = new Float32Array(T.length);
  const warm = -Math.log10(law.gamma_T), deep = Math.log10(law.gamma_p);
  for (let j = 0; j < ny; j++)
    for (let i = 0; i < nx; i++)
      values[j * nx + i] = warm * T[j * nx + i] + deep * (1 - (j + 0.5) / ny);
  return { values, low: Math.min(warm, -1e-3), high: deep, name };
}

function rangeOf(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) (low = Math.min(low, value)), (high = Math.max(high, value));
  return { low, high: Math.max(high, low + 1e-9) };
}

/** From the coldest to the hottest, bent so that the interior has colours; see `bent` in Python. */
export function temperatureRange({ temperature }) {
  const counts = new Uint32Array(201);
  let low = 0, high = 1;
  for (const T of temperature) {
    counts[Math.max(0, Math.min(200, Math.floor(200 * T)))] += 1;
    low = Math.min(low, T);
    high = Math.max(high, T);
  }
  let k = 0;
  for (let left = temperature.length / 2; left > counts[k] && k < 200; k++) left -= counts[k];
  const share = Math.max(0.01, Math.min(0.99, ((k + 0.5) / 200 - low) / (high - low)));
  const power = Math.max(1, Math.min(MOST_BENT, Math.log(INTERIOR) / Math.log(share)));
  return { low, high, power };
}

function speeds({ nx, ny, aspect, psi }) {
  const values = new Float32Array(nx * ny), line = nx + 1, hx = aspect / nx, hy = 1 / ny;
  for (let j = 0; j < ny; j++)
    for (let i = 0; i < nx; i++) {
      const k = j * line + i;
      const a = psi[k], b = psi[k + 1], c = psi[k + line], d = psi[k + line + 1];
      values[j * nx + i] = Math.hypot((c - a + d - b) / (2 * hy), (b - a + d - c) / (2 * hx));
    }
  return values;
}

export class Pane {
  constructor(figure) {
    this.figure = figure;
    this.canvas = figure.querySelector("canvas");
    this.context = this.canvas.getContext("2d");
    this.cells = document.createElement("canvas");
    this.note = figure.querySelector(".note");
    this.name = figure.querySelector(".name");
  }

  /** The field in its colours, from low to high, the bottom row down. */
  draw({ nx, ny }, { values, low, high, name, power }) {
    const { canvas, context, cells } = this;
    fit(canvas);
    if (cells.width !== nx || cells.height !== ny) Object.assign(cells, { width: nx, height: ny });
    const image = new ImageData(nx, ny), pixels = new Uint32Array(image.data.buffer);
    const table = bentTable(name, power), scale = (FINE - 0.001) / (high - low);
    for (let j = 0; j < ny; j++)
      for (let i = 0; i < nx; i++) {
        const at = (values[j * nx + i] - low) * scale;
        pixels[(ny - 1 - j) * nx + i] = table[at > 0 ? (at < FINE ? at | 0 : FINE - 1) : 0];
      }
    cells.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(cells, 0, 0, canvas.width, canvas.height);
  }

  /** Contours of psi, evenly spaced. */
  streamlines({ nx, ny, psi }) {
    const { canvas, context } = this, line = nx + 1;
    let most = 0;
    for (const value of psi) most = Math.max(most, Math.abs(value));
    if (!(most > 0)) return;
    const gap = most / 8, sx = canvas.width / nx, sy = canvas.height / ny;
    context.beginPath();
    for (let j = 0; j < ny; j++)
      for (let i = 0; i < nx; i++) {
        const k = j * line + i, a = psi[k], b = psi[k + 1], c = psi[k + line + 1], d = psi[k + line];
        const high = Math.max(a, b, c, d);
        for (let n = Math.ceil(Math.min(a, b, c, d) / gap - 0.5); (n + 0.5) * gap < high; n++)
          contour(context, [a, b, c, d], (n + 0.5) * gap, i * sx, canvas.height - j * sy, sx, sy);
      }
    // Seen on light and on dark.
    const width = Math.max(1, canvas.width / 1000);
    for (const [colour, times] of [["rgba(255, 255, 255, 0.45)", 2.5], ["rgba(20, 20, 20, 0.75)", 1]])
      Object.assign(context, { strokeStyle: colour, lineWidth: times * width }).stroke();
  }

  dots({ aspect }, { x, y }) {
    const { canvas, context } = this, size = Math.max(1.5, canvas.width / 700);
    for (const [colour, wide] of [["rgba(20, 20, 20, 0.4)", 1.6 * size], ["#ffffff", size]]) {
      context.fillStyle = colour;
      for (let k = 0; k < x.length; k++)
        context.fillRect((x[k] / aspect) * canvas.width - wide / 2, (1 - y[k]) * canvas.height - wide / 2, wide, wide);
    }
  }

  ring({ x, y, radius }, aspect, colour) {
    const { canvas, context } = this;
    context.beginPath();
    context.arc((x / aspect) * canvas.width, (1 - y) * canvas.height, radius * canvas.height, 0, 2 * Math.PI);
    context.strokeStyle = colour;
    context.lineWidth = 2 * (window.devicePixelRatio || 1);
    context.stroke();
  }
}

/** Where a level crosses a cell with these corners, counter-clockwise from its lower left. */
function contour(context, corners, level, left, bottom, sx, sy) {
  const [a, b, c, d] = corners, found = [];
  const cross = (p, q) => (p < level) !== (q < level);
  const part = (p, q) => (level - p) / (q - p);
  if (cross(a, b)) found.push([left + part(a, b) * sx, bottom]);
  if (cross(b, c)) found.push([left + sx, bottom - part(b, c) * sy]);
  if (cross(d, c)) found.push([left + part(d, c) * sx, bottom - sy]);
  if (cross(a, d)) found.push([left, bottom - part(a, d) * sy]);
  for (let k = 0; k + 1 < found.length; k += 2) {
    context.moveTo(...found[k]);
    context.lineTo(...found[k + 1]);
  }
}

/** As many pixels as the screen has. */
export function fit(canvas) {
  const ratio = window.devicePixelRatio || 1, { clientWidth, clientHeight } = canvas;
  const width = Math.round(clientWidth * ratio), height = Math.round(clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return ratio;
}

/** The colours of evenly spaced values. */
function bentTable(name, power = 1) {
  const place = (k) => Math.min(255, Math.floor(256 * ((k + 0.5) / FINE) ** power));
  return Uint32Array.from({ length: FINE }, (_, k) => TABLES[name][place(k)]);
}

export function drawLegend(canvas, { name, power }) {
  canvas.width = FINE;
  const image = new ImageData(FINE, 1);
  new Uint32Array(image.data.buffer).set(bentTable(name, power));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Points that go along with the flow, as the velocity at the faces of their cells has it. */
export class Tracers {
  constructor(count, aspect) {
    this.x = Float64Array.from({ length: count }, () => Math.random() * aspect);
    this.y = Float64Array.from({ length: count }, () => Math.random());
  }

  move({ nx, ny, aspect, psi }, dt, parts) {
    const hx = aspect / nx, hy = 1 / ny, line = nx + 1, h = dt / parts;
    const inside = (value, most) => Math.max(0, Math.min(most, value));
    const velocity = (x, y) => {
      const i = Math.min(nx - 1, Math.floor(x / hx)), j = Math.min(ny - 1, Math.floor(y / hy));
      const s = x / hx - i, t = y / hy - j, k = j * line + i;
      const a = psi[k], b = psi[k + 1], c = psi[k + line], d = psi[k + line + 1];
      return [((c - a) * (1 - s) + (d - b) * s) / hy, -((b - a) * (1 - t) + (d - c) * t) / hx];
    };
    for (let k = 0; k < this.x.length; k++)
      for (let part = 0; part < parts; part++) {
        const [u, v] = velocity(this.x[k], this.y[k]);
        const [um, vm] = velocity(
          inside(this.x[k] + 0.5 * h * u, aspect), inside(this.y[k] + 0.5 * h * v, 1));
        this.x[k] = inside(this.x[k] + h * um, aspect);
        this.y[k] = inside(this.y[k] + h * vm, 1);
      }
  }
}
