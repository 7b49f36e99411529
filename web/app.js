// The page: its controls, what they ask of the worker, and what is drawn of its frames.

import { bundled } from "./bundle.js";
import { drawChart, Series, short } from "./charts.js";
import { readClosure } from "./closure.js";
import { Player } from "./player.js";
import { readSafetensors } from "./safetensors.js";
import { fromHash, GRIDS, PRESETS, SLIDERS, STARTS, toHash, toToml } from "./settings.js";
import { drawLegend, fieldOf, Pane, temperatureRange, Tracers } from "./view.js";

const $ = (id) => document.getElementById(id);
const panes = Object.fromEntries(
  ["exact", "other", "difference"].map((name) => [name, new Pane($(`pane-${name}`))]));
const errorPane = { figure: $("pane-error"), canvas: $("pane-error").querySelector("canvas"), note: $("pane-error").querySelector(".note") };
const box = panes.exact.canvas;

let settings = fromHash(location.hash);
let frame, series, errors, range, tracers, closure, player;
let playing = false, strokes = [], changed = false, busy = false, brush = null, charted = 0;
const seconds = { frames: 0, since: 0, draw: 0, solve: 0, energy: 0, others: 0, steps: 0 };

// The worker answers every order once.
const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
let tickets = 0;
worker.onmessage = ({ data: { ticket, frame: found, error } }) => {
  const { resolve, reject } = waiting.get(ticket);
  waiting.delete(ticket);
  if (error) reject(new Error(error));
  else resolve(found);
};
worker.onerror = (event) => say(`The simulation cannot start: ${event.message}`);

function ask(order, details = {}) {
  return new Promise((resolve, reject) => {
    waiting.set(++tickets, { resolve, reject });
    worker.postMessage({ order, ticket: tickets, ...details });
  });
}

/** Orders go one after the other; what they find is shown. */
async function tell(order, details) {
  while (busy) await busy;
  let done;
  busy = new Promise((resolve) => (done = resolve));
  try {
    const found = await ask(order, details);
    if (found) accept(found);
    return found;
  } catch (error) {
    pause();
    say(error.message);
  } finally {
    busy = false;
    done();
  }
}

function say(text) {
  $("status").textContent = text;
}

const nextFrame = () => new Promise(requestAnimationFrame);

async function play() {
  if (playing) return;
  playing = true;
  show();
  say("");
  Object.assign(seconds, { frames: 0, since: performance.now(), draw: 0, solve: 0, energy: 0, others: 0, steps: 0 });
  while (playing) {
    if (player) accept(player.next());
    else {
      await touched();
      await tell("advance", { most: Number($("speed").value), budget: 30 });
    }
    await nextFrame();
  }
}

function pause() {
  playing = false;
  show();
}

function show() {
  $("play").textContent = playing ? "Pause" : "Play";
}

async function step() {
  pause();
  if (player) return accept(player.next());
  await touched();
  await tell("advance", { most: 1 });
}

async function reset() {
  if (player) return accept(player.at(0));
  forget();
  await tell("start", { settings });
}

function forget() {
  series = new Series();
  errors = new Series();
  range = tracers = null;
}

/** What was painted or moved since the last order. */
async function touched() {
  if (changed) {
    changed = false;
    await tell("change", { settings });
  }
  if (strokes.length) {
    const drawn = strokes;
    strokes = [];
    await tell("paint", { strokes: drawn });
  }
}

/** A new frame: count, remember, draw. */
function accept(found) {
  const before = frame;
  frame = found;
  if (found.stuck) {
    pause();
    say("No further step can be taken from this state: reset, choose a finer grid, or a lower γ_T.");
  }
  if (!player) remember(before);
  const begun = performance.now();
  draw(before);
  seconds.draw += performance.now() - begun;
  seconds.frames += 1;
  for (const [name, spent] of Object.entries(found.spent ?? {})) seconds[name] += spent;
  rate();
}

function remember(before) {
  const { steps, time } = frame;
  if (steps < (before?.steps ?? 0)) forget();
  if (steps === 0 || (before && steps === before.steps && time === before.time)) return;
  series.add(frame);
  const others = Object.entries(frame.others);
  if (others.length)
    errors.add({ time, ...Object.fromEntries(others.map(([name, other]) => [name, other.error])) });
}

function rate() {
  const elapsed = performance.now() - seconds.since;
  if (!playing || elapsed < 1000) return;
  const { frames, steps } = seconds, of = (total, count) => (total / Math.max(1, count)).toFixed(1);
  const beside = Object.keys(frame.others).length ? `, beside it ${of(seconds.others, steps)}` : "";
  $("rate").textContent = player ? "" :
    `${of(1000 * frames, elapsed)} frames a second; ms: solve ${of(seconds.solve, steps)}, energy ${of(seconds.energy, steps)}${beside}, draw ${of(seconds.draw, frames)}`;
  Object.assign(seconds, { frames: 0, since: performance.now(), draw: 0, solve: 0, energy: 0, others: 0, steps: 0 });
}

const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;

function draw(before) {
  if (!frame) return;
  const wanted = temperatureRange(frame);
  range ??= { ...wanted };
  for (const end of Object.keys(range)) range[end] += 0.1 * (wanted[end] - range[end]);
  const name = chosen("field"), beside = Object.keys(frame.others ?? {}).at(-1);
    const field = fieldOf(frame, name, settings, range);
  moveTracers(before);
  paint(panes.exact, frame, field);
  panes.exact.name.textContent = player ? player.name : `exact, ${frame.nx} × ${frame.ny}`;
  panes.exact.note.textContent = player ? `output ${player.now + 1} of ${player.count}` : `time ${short(frame.time)}`;
  if (brush) panes.exact.ring(brush, frame.aspect, chosen("brush") > 0 ? "#ffffff" : "#7fd0ff");
  if (beside) drawBeside(beside, { ...field, ...fieldOf(frame.others[beside], name, settings, range), low: field.low, high: field.high });
  drawLegend($("legend-bar"), field);
  const shown = name === "viscosity" ? (value) => `10^${value.toFixed(1)}` : short;
  $("legend-low").textContent = `${name} ${shown(field.low)}`;
  $("legend-high").textContent = shown(field.high);
  numbers();
  if (playing && performance.now() - charted < 200) return;
  charted = performance.now();
  charts();
}

function paint(pane, of, field) {
  pane.draw(of, field);
  if ($("streamlines").checked) pane.streamlines(of);
  if (tracers && pane === panes.exact) pane.dots(of, tracers);
}

function moveTracers(before) {
  if (!$("tracers").checked) return void (tracers = null);
  tracers ??= new Tracers(1500, frame.aspect);
  const dt = before ? frame.time - before.time : 0;
  if (dt > 0 && !player) tracers.move(frame, dt, Math.min(8, Math.max(1, frame.steps - before.steps)));
}

function drawBeside(name, field) {
  const other = frame.others[name];
  paint(panes.other, other, field);
  panes.other.name.textContent = `${name === "learned" ? "learned" : "coarse"}, ${other.nx} × ${other.ny}`;
  const known = name === "learned" ? `, knows ${(100 * (1 - other.silent)).toFixed(0)} % of cells` : "";
  panes.other.note.textContent = `Nu top ${signed(other.nusselt_top - frame.nusselt_top)}, ⟨T⟩ ${signed(other.mean_temperature - frame.mean_temperature)}${known}`;
  const values = gap(frame, other), most = Math.max(1e-6, values.reduce((a, b) => Math.max(a, Math.abs(b)), 0));
  panes.difference.draw(other, { values, low: -most, high: most, name: "difference" });
  panes.difference.note.textContent = `blue colder, red hotter, up to ${short(most)}`;
  if (playing && performance.now() - charted < 200) return;
  errorPane.note.innerHTML = "learned" in frame.others ? '<span class="key a">learned</span> <span class="key b">coarse alone</span>' : '<span class="key b">coarse alone</span>';
  drawChart(errorPane.canvas, [
    { x: errors.of("time"), y: errors.of("coarse"), colour: "b" },
    { x: errors.of("time"), y: errors.of("learned"), colour: "a" },
  ]);
}

const signed = (value) => `${value >= 0 ? "+" : "−"}${short(Math.abs(value))}`;

/** Beside it less exact, over the cells of the one beside. */
function gap(exact, other) {
  const { nx, temperature: fine } = exact, { nx: half, ny, temperature: coarse } = other;
  return coarse.map((value, k) => {
    const at = 2 * Math.floor(k / half) * nx + 2 * (k % half);
    return value - (fine[at] + fine[at + 1] + fine[at + nx] + fine[at + nx + 1]) / 4;
  }).slice(0, half * ny);
}

function numbers() {
  const values = { time: frame.time, steps: frame.steps, mean: frame.mean_temperature, top: frame.nusselt_top, bottom: frame.nusselt_bottom, vrms: frame.vrms };
  for (const [name, value] of Object.entries(values))
    $(`n-${name}`).textContent = name === "steps" ? String(value) : name === "mean" && Number.isFinite(value) ? value.toFixed(4) : name === "time" && value >= 1e-3 ? value.toPrecision(4) : short(value);
}

function charts() {
  const known = player ? player.series : series, time = known.of("time");
  const limits = player ? { x: [0, Math.max(frame.time, 1e-12)] } : {};
  drawChart($("chart-mean"), [{ x: time, y: known.of("mean_temperature"), colour: "a" }], limits);
  drawChart($("chart-nusselt"), [
    { x: time, y: known.of("nusselt_top"), colour: "a" },
    { x: time, y: known.of("nusselt_bottom"), colour: "b" },
  ], limits);
  drawChart($("chart-vrms"), [{ x: time, y: known.of("vrms"), colour: "a" }], limits);
  const profiles = [{ ...profile(frame), colour: "a" }];
  for (const other of Object.values(frame.others ?? {}).slice(-1)) profiles.push({ ...profile(other), colour: "b", dashed: true });
  drawChart($("chart-profile"), profiles, { x: [0, Math.max(1, ...profiles[0].x)], y: [0, 1] });
}

function profile({ nx, ny, temperature }) {
  const x = Array.from({ length: ny }, (_, j) => temperature.subarray(j * nx, (j + 1) * nx).reduce((a, b) => a + b, 0) / nx);
  return { x, y: x.map((_, j) => (j + 0.5) / ny) };
}

// Controls ------------------------------------------------------------------------------------

function options(select, values) {
  select.replaceChildren(...values.map((value) => new Option(value.replace("x", " × "), value)));
}

function makeControls() {
  options($("grid"), GRIDS);
  options($("start"), STARTS);
  for (const [name, { label, title, least, most, step: by, power }] of Object.entries(SLIDERS)) {
    const row = document.createElement("div");
    row.className = "slider";
    row.innerHTML = `<label for="s-${name}" title="${title}">${label}</label><input id="s-${name}" type="range" min="${least}" max="${most}" step="${by}"><output for="s-${name}"></output>`;
    const input = row.querySelector("input");
    input.setAttribute("aria-label", title);
    input.addEventListener("input", () => {
      const value = Number(input.value);
      const exact = power ? Number((10 ** value).toPrecision(4)) : value;
      use({ ...settings, [name]: exact });
    });
    $("sliders").append(row);
  }
  for (const [name, { label, title, ...values }] of Object.entries(PRESETS)) {
    const button = document.createElement("button");
    Object.assign(button, { textContent: label, title });
    button.dataset.preset = name;
    button.addEventListener("click", () => use({ ...settings, ...values }, true));
    $("presets").append(button);
  }
  for (const name of ["grid", "start", "seed"])
    $(name).addEventListener("change", () => use({ ...settings, [name]: name === "seed" ? Number($(name).value) : $(name).value }, true));
}

/** Go on with these settings, or begin anew with them. */
async function use(wanted, anew = false) {
  settings = wanted;
  fill();
  history.replaceState(null, "", `#${toHash(settings)}`);
  leavePlayer();
  if (anew) return reset();
  changed = true;
  if (!playing) await touched();
}

function fill() {
  for (const [name, { power }] of Object.entries(SLIDERS)) {
    const input = $(`s-${name}`), value = settings[name];
    input.value = power ? Math.log10(value) : value;
    const shown = power && value >= 1000 ? value.toExponential(1).replace(".0e+", "e").replace("e+", "e") : short(value);
    input.nextElementSibling.textContent = shown;
    input.setAttribute("aria-valuetext", shown);
  }
  for (const name of ["grid", "start", "seed"]) $(name).value = String(settings[name]);
  for (const button of $("presets").children) {
    const { label, title, ...values } = PRESETS[button.dataset.preset];
    button.setAttribute("aria-pressed", String(Object.entries(values).every(([name, value]) => settings[name] === value)));
  }
}

async function beside() {
  const name = chosen("beside");
  errors = new Series();
  if (name === "learned" && !closure) {
    closure = readClosure(await (await fetch(new URL(bundled.closure, import.meta.url))).arrayBuffer());
    await tell("closure", { closure });
  }
  const names = { "": [], coarse: ["coarse"], learned: ["coarse", "learned"] }[name];
  arrange(names.length > 0);
  await tell("compare", { names });
}

function arrange(compared) {
  $("stage").classList.toggle("compared", compared);
  for (const figure of [panes.other.figure, panes.difference.figure, errorPane.figure]) figure.hidden = !compared;
}

function sayOfClosure() {
  const there = Boolean(bundled.closure || closure);
  document.querySelector('input[value="learned"]').disabled = !there;
  $("closure-hint").textContent = there
    ? "Coarse: the same equations on cells twice as long. Learned: with a network that puts back the heat those cells lose."
    : "Coarse: the same equations on cells twice as long. No trained closure comes with this page: open one below and Learned becomes available.";
}

// The brush -----------------------------------------------------------------------------------

function stroke({ x, y }, sign = Number(chosen("brush"))) {
  const radius = Number($("brush-size").value);
  brush = { x, y, radius };
  strokes.push({ x, y, radius, amount: 0.35 * sign });
}

function placeOf(event) {
  const { left, top, width, height } = box.getBoundingClientRect();
  return { x: ((event.clientX - left) / width) * 4, y: 1 - (event.clientY - top) / height };
}

function makeBrush() {
  let down = false;
  box.addEventListener("pointerdown", (event) => {
    if (player) return;
    down = true;
    box.setPointerCapture(event.pointerId);
    stroke(placeOf(event));
    if (!playing) touched();
  });
  box.addEventListener("pointermove", (event) => {
    if (!down) return;
    stroke(placeOf(event));
    if (!playing) touched();
  });
  for (const end of ["pointerup", "pointercancel"])
    box.addEventListener(end, () => {
      down = false;
      brush = null;
      if (!playing) draw();
    });
  box.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-0.05, 0], ArrowRight: [0.05, 0], ArrowUp: [0, 0.05], ArrowDown: [0, -0.05] };
    const place = brush ?? { x: 2, y: 0.5, radius: Number($("brush-size").value) };
    if (moves[event.key]) {
      const [dx, dy] = moves[event.key];
      brush = { ...place, x: Math.max(0, Math.min(4, place.x + dx)), y: Math.max(0, Math.min(1, place.y + dy)) };
      event.preventDefault();
      draw();
    } else if (/^[hc]$/i.test(event.key) && !event.metaKey && !event.ctrlKey && !player) {
      stroke(place, event.key.toLowerCase() === "h" ? 1 : -1);
      if (!playing) touched();
    }
  });
  box.addEventListener("blur", () => {
    brush = null;
    draw();
  });
}

// Keeping and opening -------------------------------------------------------------------------

function download(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function asCsv({ nx, ny, aspect, temperature }) {
  const rows = ["x,y,temperature"];
  for (let j = 0; j < ny; j++)
    for (let i = 0; i < nx; i++)
      rows.push(`${((i + 0.5) * aspect) / nx},${(j + 0.5) / ny},${temperature[j * nx + i]}`);
  return `${rows.join("\n")}\n`;
}

async function open(file) {
  try {
    const buffer = await file.arrayBuffer(), { metadata } = readSafetensors(buffer);
    if (metadata.tellus === "run") watch(new Player(buffer));
    else {
      closure = readClosure(buffer);
      await tell("closure", { closure });
      sayOfClosure();
      document.querySelector('input[value="learned"]').checked = true;
      await beside();
    }
    say("");
  } catch (error) {
    say(`${file.name}: ${error.message}`);
  }
}

function watch(opened) {
  pause();
  player = opened;
  arrange(false);
  Object.assign($("timeline"), { max: player.count - 1, value: 0 });
  player.moved = (k) => ($("timeline").value = k);
  for (const id of ["timeline-label", "live"]) $(id).hidden = false;
  $("speed").parentElement.hidden = true;
  range = tracers = null;
  accept(player.at(0));
}

function leavePlayer() {
  if (!player) return;
  pause();
  player = null;
  for (const id of ["timeline-label", "live"]) $(id).hidden = true;
  $("speed").parentElement.hidden = false;
  forget();
  beside();
}

function makeKeeping() {
  $("link").addEventListener("click", async () => {
    history.replaceState(null, "", `#${toHash(settings)}`);
    await navigator.clipboard?.writeText(location.href).catch(() => {});
    say("The link of these settings is in the address bar, and copied.");
  });
  $("toml").addEventListener("click", () => download("convection.toml", toToml(settings), "text/plain"));
  $("csv").addEventListener("click", () => download("temperature.csv", asCsv(frame), "text/csv"));
  $("png").addEventListener("click", () => {
    draw();
    box.toBlob((picture) => download("convection.png", picture));
  });
  $("open").addEventListener("change", ({ target }) => {
    if (target.files.length) open(target.files[0]);
    target.value = "";
  });
  $("live").addEventListener("click", leavePlayer);
  $("timeline").addEventListener("input", ({ target }) => accept(player.at(Number(target.value))));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
  });
}

function makeKeys() {
  const press = {
    " ": () => (playing ? pause() : play()), s: step, r: reset,
    l: () => $("streamlines").click(), t: () => $("tracers").click(),
    1: () => document.querySelector('input[value="temperature"]').click(),
    2: () => document.querySelector('input[value="viscosity"]').click(),
    3: () => document.querySelector('input[value="speed"]').click(),
  };
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches("select, button, input:not([type=range])")) return;
    const act = press[key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

makeControls();
makeBrush();
makeKeeping();
makeKeys();
fill();
sayOfClosure();
$("play").addEventListener("click", () => (playing ? pause() : play()));
$("step").addEventListener("click", step);
$("reset").addEventListener("click", reset);
for (const name of ["field", "streamlines", "tracers"])
  for (const input of document.querySelectorAll(`input[name="${name}"], #${name}`)) input.addEventListener("change", () => draw());
for (const input of document.querySelectorAll('input[name="beside"]')) input.addEventListener("change", beside);
addEventListener("resize", () => draw());
addEventListener("hashchange", () => use(fromHash(location.hash), true));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
forget();
await tell("load", { settings });
if (!matchMedia("(prefers-reduced-motion: reduce)").matches && !location.hash.includes("paused")) play();
