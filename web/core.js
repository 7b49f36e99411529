// The C++ core as WebAssembly: a simulation is a pointer, its fields are views of its memory.

// In the order of `Settings` and `Measured` in csrc/simulation.hpp.
const SETTINGS = ["gamma_T", "gamma_p", "rayleigh", "heating", "courant", "dt_max", "dt_initial"];
const MEASURED = [
  "dt", "mean_temperature", "nusselt_top", "nusselt_bottom", "vrms", "surface_velocity",
  "heat_budget", "silent",
];

/** Start the core from the bytes of tellus.wasm; it asks nothing of the system. */
export async function loadCore(bytes) {
  const module = await WebAssembly.compile(bytes);
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module))
    (imports[from] ??= {})[name] = () => 0;
  const { exports } = await WebAssembly.instantiate(module, imports);
  exports._initialize?.();
  return exports;
}

export class Simulation {
  constructor(core, { nx, ny, aspect = 4, tolerance = 1e-3 }) {
    Object.assign(this, { core, nx, ny, aspect });
    this.live = core.create(nx, ny, aspect, tolerance);
  }

  /** Views are made anew each time: memory may have grown, and moved, in between. */
  numbers(pointer, count) {
    return new Float64Array(this.core.memory.buffer, pointer, count);
  }

  get temperature() {
    return this.numbers(this.core.temperature(this.live), this.nx * this.ny);
  }

  get psi() {
    return this.numbers(this.core.psi(this.live), (this.nx + 1) * (this.ny + 1));
  }

  get time() {
    return this.core.clock(this.live);
  }

  get steps() {
    return this.core.steps(this.live);
  }

  get iterations() {
    return this.core.iterations(this.live);
  }

  get measured() {
    const values = this.numbers(this.core.measured(this.live), MEASURED.length);
    return Object.fromEntries(MEASURED.map((name, k) => [name, values[k]]));
  }

  set(values) {
    const room = this.numbers(this.core.settings(this.live), SETTINGS.length);
    SETTINGS.forEach((name, k) => {
      if (values[name] !== undefined) room[k] = values[name];
    });
    this.core.disturbed(this.live);
  }

  /** Begin anew at time zero from T at the cells, row 0 at the bottom. */
  start(temperature) {
    this.temperature.set(temperature);
    this.core.restart(this.live);
  }

  /** T was written to. */
  disturbed() {
    this.core.disturbed(this.live);
  }

  solve() {
    return Boolean(this.core.solve(this.live));
  }

  /** One step, not beyond a model time; false where none can be taken. */
  step(until = Infinity) {
    return Boolean(this.core.step(this.live, until));
  }

  /** Add a closure, as `closure.js` reads it. */
  close({ widths, weights, inputs }) {
    const { core } = this;
    const copied = [new Int32Array(widths), weights, inputs].map((array) => {
      const pointer = core.allocate(array.byteLength);
      new array.constructor(core.memory.buffer, pointer, array.length).set(array);
      return pointer;
    });
    core.close(this.live, widths.length - 1, ...copied);
    copied.forEach((pointer) => core.release(pointer));
  }

  free() {
    this.core.destroy(this.live);
  }
}
