// What a simulation is made of: its settings, as presets, as a link and as a configuration.

/** By name: label, least, most and step of the slider, whether it holds a power of ten. */
export const SLIDERS = {
  gamma_T: { label: "γ<sub>T</sub>", title: "viscosity contrast due to temperature", least: 0, most: 10, step: 0.25, power: true },
  gamma_p: { label: "γ<sub>p</sub>", title: "viscosity contrast due to pressure", least: 0, most: 2, step: 0.1, power: true },
  rayleigh: { label: "Ra", title: "Rayleigh number of the cold top", least: 0, most: 6, step: 0.25, power: true },
  heating: { label: "H", title: "internal heating", least: 0, most: 20, step: 0.5, power: false },
};

export const GRIDS = ["128x32", "256x64", "384x96", "512x128"];
export const STARTS = ["hot", "cold", "linear", "conductive"];

export const DEFAULTS = {
  gamma_T: 1e7, gamma_p: 10, rayleigh: 1, heating: 3,
  grid: "256x64", start: "linear", amplitude: 0.05, seed: 0,
};

/** gamma_T from 1e6 to 1e10 and gamma_p from 1 to 100 are those of Agarwal et al. (2025). */
export const PRESETS = {
  mobile: { label: "Mobile lid", title: "mild contrast: the surface moves with the flow", gamma_T: 10, gamma_p: 1, rayleigh: 1e5, heating: 0 },
  sluggish: { label: "Sluggish lid", title: "the cold top lags behind", gamma_T: 1e3, gamma_p: 1, rayleigh: 1e3, heating: 0 },
  stagnant: { label: "Stagnant lid", title: "a rigid lid over a vigorous mantle", gamma_T: 1e7, gamma_p: 10, rayleigh: 1, heating: 3 },
  weakest: { label: "Paper: 10⁶, 100", title: "the calmest corner of the paper", gamma_T: 1e6, gamma_p: 100, rayleigh: 1, heating: 3 },
  mild: { label: "Paper: 10⁶, 1", title: "the mildest contrasts of the paper", gamma_T: 1e6, gamma_p: 1, rayleigh: 1, heating: 3 },
  deep: { label: "Paper: 10¹⁰, 100", title: "strong contrast with both", gamma_T: 1e10, gamma_p: 100, rayleigh: 1, heating: 3 },
  strongest: { label: "Paper: 10¹⁰, 1", title: "the most vigorous corner: short steps", gamma_T: 1e10, gamma_p: 1, rayleigh: 1, heating: 3 },
};

export const gridOf = ({ grid }) => {
  const [nx, ny] = grid.split("x").map(Number);
  return { nx, ny };
};

/** The settings as the part of a link after #. */
export function toHash(settings) {
  return new URLSearchParams(
    Object.keys(DEFAULTS).map((name) => [name, String(settings[name])]),
  ).toString();
}

/** Settings from a link; what it lacks, or has amiss, is as it is by default. */
export function fromHash(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const settings = { ...DEFAULTS };
  for (const [name, { least, most, power }] of Object.entries(SLIDERS)) {
    const value = given.has(name) ? Number(given.get(name)) : NaN;
    const low = power ? 10 ** least : least, high = power ? 10 ** most : most;
    if (value >= low && value <= high) settings[name] = value;
  }
  if (GRIDS.includes(given.get("grid"))) settings.grid = given.get("grid");
  if (STARTS.includes(given.get("start"))) settings.start = given.get("start");
  const seed = Number(given.get("seed") ?? NaN), amplitude = Number(given.get("amplitude") ?? NaN);
  if ([0, 1, 2, 3].includes(seed)) settings.seed = seed;
  if (amplitude >= 0 && amplitude <= 1) settings.amplitude = amplitude;
  return settings;
}

const number = (value) => {
  const text = String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text.replace(/^(\d+)e/, "$1.0e").replace("e+", "e");
};

/** The configuration with which `tellus run` computes the same. */
export function toToml(settings, end = 0.1) {
  const { nx, ny } = gridOf(settings);
  return `# tellus run convection.toml
# The run that a browser shows with these settings, without what was painted into it.

[grid]
nx = ${nx}
ny = ${ny}
aspect = 4.0

[model]
rayleigh = ${number(settings.rayleigh)}
heating = ${number(settings.heating)}

[rheology]
kind = "frank-kamenetskii"
gamma_T = ${number(settings.gamma_T)}
gamma_p = ${number(settings.gamma_p)}

[initial]
kind = "${settings.start}"
amplitude = ${number(settings.amplitude)}
seed = ${settings.seed}

[time]
end = ${number(end)}
courant = 1.0

[energy]
advection = "mp5"
velocity = "mid-step"

[stokes]
solver = "refined:tol=1e-3"

[output]
every = 1e-3
`;
}
