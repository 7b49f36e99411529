// A run that `tellus export RUN --to web` wrote: frames as the simulation hands them out.

import { Series } from "./charts.js";
import { readSafetensors } from "./safetensors.js";

export class Player {
  constructor(buffer) {
    const { tensors, metadata } = readSafetensors(buffer);
    const { name, aspect, columns } = JSON.parse(metadata.about);
    const [count, ny, nx] = tensors.temperature.shape;
    Object.assign(this, { tensors, name, aspect, columns, count, ny, nx, now: 0, moved() {} });
    this.series = new Series();
    for (let row = 0; row < tensors.series.shape[0]; row++) this.series.add(this.row("series", row));
  }

  row(name, k) {
    const { columns, tensors } = this;
    const values = columns.map((column, n) => [column, tensors[name].data[k * columns.length + n]]);
    return Object.fromEntries(values);
  }

  /** The k-th output. */
  at(k) {
    const { tensors, nx, ny, aspect } = this;
    const of = (name) => {
      const { shape, data } = tensors[name], size = shape[1] * shape[2];
      return data.subarray(k * size, (k + 1) * size);
    };
    this.now = k;
    this.moved(k);
    const measured = this.row("measured", k);
    return {
      nx, ny, aspect, ...measured, steps: measured.step, others: {},
      temperature: of("temperature"), psi: of("psi"), log_viscosity: of("log_viscosity"),
    };
  }

  /** The one after it, and after the last the first. */
  next() {
    return this.at((this.now + 1) % this.count);
  }
}
