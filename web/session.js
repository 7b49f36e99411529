// What the page computes: the exact simulation, and beside it others on cells twice as long.

import { Simulation } from "./core.js";
import { initialTemperature } from "./initial.js";
import { gridOf } from "./settings.js";

export class Session {
  constructor(core) {
    this.core = core;
    this.others = {};
    this.closure = null;
  }

  /** Begin anew. */
  start(settings) {
    this.exact?.free();
    this.settings = settings;
    const grid = gridOf(settings);
    this.exact = new Simulation(this.core, grid);
    this.exact.set(settings);
    this.exact.start(initialTemperature({ ...settings, ...grid }));
    this.compare(Object.keys(this.others));
  }

  /** Go on with other parameters. */
  change(settings) {
    this.settings = settings;
    for (const one of this.all()) one.set(settings);
  }

  /** Which others go along from now on, from the exact state: "coarse", "learned". */
  compare(names) {
    for (const other of Object.values(this.others)) other.free();
    this.others = {};
    for (const name of names) {
      const { nx, ny } = this.exact;
      const other = new Simulation(this.core, { nx: nx / 2, ny: ny / 2 });
      other.set(this.settings);
      other.start(halved(this.exact.temperature, nx, ny));
      other.since = this.exact.time;
      if (name === "learned") other.close(this.closure);
      this.others[name] = other;
    }
  }

  /** Warm, or with a negative amount cool, what lies around a place. */
  paint({ x, y, radius, amount }) {
    const { exact } = this, { nx, ny, aspect } = exact, field = exact.temperature;
    const before = field.slice();
    for (let j = 0; j < ny; j++)
      for (let i = 0; i < nx; i++) {
        const dx = ((i + 0.5) / nx) * aspect - x, dy = (j + 0.5) / ny - y, k = j * nx + i;
        const wanted = field[k] + amount * Math.exp(-(dx * dx + dy * dy) / (radius * radius));
        field[k] = amount > 0 ? Math.max(field[k], Math.min(wanted, 1)) : Math.min(field[k], Math.max(wanted, 0));
      }
    const added = halved(field.map((value, k) => value - before[k]), nx, ny);
    for (const other of Object.values(this.others)) {
      const coarse = other.temperature;
      added.forEach((value, k) => (coarse[k] += value));
    }
    for (const one of this.all()) one.disturbed();
  }

  /** Take steps until enough or, if that comes first, until so many milliseconds are over. */
  advance(most, budget = Infinity) {
    const start = performance.now();
    this.spent = { solve: 0, energy: 0, others: 0, steps: 0 };
    do {
      if (!this.step()) return false;
      this.spent.steps += 1;
    } while (this.spent.steps < most && performance.now() - start < budget);
    return true;
  }

  step() {
    const begin = performance.now();
    if (!this.exact.step()) return false;
    const stepped = performance.now();
    if (!this.exact.solve()) return false;
    const solved = performance.now();
    for (const other of Object.values(this.others))
      while (other.since + other.time < this.exact.time)
        if (!other.step(this.exact.time - other.since)) return false;
    this.spent.energy += stepped - begin;
    this.spent.solve += solved - stepped;
    this.spent.others += performance.now() - solved;
    return true;
  }

  /** What the page shows. */
  frame() {
    const { exact } = this;
    const shown = this.view(exact);
    const reference = halved(exact.temperature, exact.nx, exact.ny);
    shown.others = Object.fromEntries(
      Object.entries(this.others).map(([name, other]) => [
        name, { ...this.view(other), error: rootMeanSquare(other.temperature, reference) },
      ]));
    shown.spent = this.spent;
    return shown;
  }

  view(one) {
    const { nx, ny, aspect, steps, iterations, measured } = one;
    const temperature = Float32Array.from(one.temperature), psi = Float32Array.from(one.psi);
    return { nx, ny, aspect, steps, iterations, ...measured, time: one.time, temperature, psi };
  }

  all() {
    return [this.exact, ...Object.values(this.others)];
  }
}

/** Means over 2 x 2 cells. */
export function halved(field, nx, ny) {
  const coarse = new Float64Array((nx * ny) / 4), half = nx / 2;
  for (let j = 0; j < ny / 2; j++)
    for (let i = 0; i < half; i++) {
      const k = 2 * j * nx + 2 * i;
      coarse[j * half + i] = (field[k] + field[k + 1] + field[k + nx] + field[k + nx + 1]) / 4;
    }
  return coarse;
}

/** Of the difference of two fields. */
export function rootMeanSquare(a, b) {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k] - b[k]) ** 2;
  return Math.sqrt(sum / a.length);
}
