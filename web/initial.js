// Initial temperatures as means over cells, as coupling/starts/initial.py makes them.

import { AMPLITUDES } from "./generated.js";

const WAVES = 32, LAYER = 0.05, INTERIOR = 0.75;

const PROFILES = {
  hot: () => 1,
  cold: () => 0,
  conductive: (y) => 1 - y,
  linear: (y) => {
    if (y < LAYER) return 1 + ((INTERIOR - 1) * y) / LAYER;
    return y > 1 - LAYER ? (INTERIOR * (1 - y)) / LAYER : INTERIOR;
  },
};

/** Of a cell: its centre, or the centres of four equal parts with weights exact for cubics. */
const CENTRE = [[0.5, 1]];
const PARTS = [[0.125, 13 / 48], [0.375, 11 / 48], [0.625, 11 / 48], [0.875, 13 / 48]];

/** T of shape (ny, nx), row 0 at the bottom. */
export function initialTemperature({ nx, ny, start, amplitude, seed }) {
  const field = modes(nx, ny, AMPLITUDES[seed], PARTS);
  const scale = modes(256, 64, AMPLITUDES[seed], CENTRE).reduce(
    (most, value) => Math.max(most, Math.abs(value)), 0);
  const profile = means(ny, PARTS, PROFILES[start]);
  return field.map((value, k) => profile[Math.floor(k / nx)] + (amplitude * value) / scale);
}

const means = (cells, parts, of) =>
  Float64Array.from({ length: cells }, (_, k) =>
    parts.reduce((sum, [at, weight]) => sum + weight * of((k + at) / cells), 0));

/** The sum of cosines across and sines up, smooth, and the same on every grid. */
function modes(nx, ny, amplitudes, parts) {
  const field = new Float64Array(nx * ny), held = Math.min(WAVES, nx - 1);
  const across = Array.from({ length: held }, (_, m) =>
    means(nx, parts, (x) => Math.cos(Math.PI * (m + 1) * x)));
  for (let n = 0; n < 4; n++) {
    const up = means(ny, parts, (y) => Math.sin(Math.PI * (n + 1) * y));
    for (let m = 0; m < held; m++)
      for (let j = 0; j < ny; j++) {
        const weight = up[j] * amplitudes[n * WAVES + m];
        for (let i = 0; i < nx; i++) field[j * nx + i] += weight * across[m][i];
      }
  }
  return field;
}
