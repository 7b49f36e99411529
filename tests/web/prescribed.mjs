// The page's simulation without the page: steps with what stdin prescribes, and what they led to.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";

const [web] = process.argv.slice(2);
const from = (name) => import(pathToFileURL(resolve(web, name)));
const { loadCore, Simulation } = await from("core.js");
const { initialTemperature } = await from("initial.js");
const { readClosure } = await from("closure.js");

const asked = JSON.parse(readFileSync(0));
const core = await loadCore(readFileSync(resolve(web, "tellus.wasm")));
const live = new Simulation(core, asked);
live.set(asked);
live.start(initialTemperature(asked));
if (asked.closure) live.close(readClosure(Uint8Array.from(readFileSync(asked.closure)).buffer));
const start = [...live.temperature], begun = performance.now(), iterations = [];
for (let k = 0; k < asked.steps; k++) {
  if (!live.step()) throw new Error(`step ${k + 1} failed`);
  iterations.push(live.iterations);
}
const milliseconds = (performance.now() - begun) / asked.steps;
process.stdout.write(JSON.stringify({
  start, iterations, milliseconds, time: live.time, measured: live.measured,
  temperature: [...live.temperature], psi: [...live.psi],
}));
