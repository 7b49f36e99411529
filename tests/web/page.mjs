// Use the page as somebody does, in the system's Chromium; what was found goes to stdout.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { url, modules, chromium: executablePath, closure, run, pictures } = JSON.parse(readFileSync(0));
const { chromium } = createRequire(`${modules}/`)("playwright-core");
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--mute-audio"] });
const found = { complaints: [], requests: [] };
const patience = 120_000;

async function opened(width, height, hash = "") {
  const page = await browser.newPage({ viewport: { width, height }, acceptDownloads: true });
  page.setDefaultTimeout(patience);
  page.on("console", (message) => message.type() !== "log" && found.complaints.push(message.text()));
  page.on("pageerror", (error) => found.complaints.push(error.message));
  page.on("request", (request) => found.requests.push(request.url()));
  await page.goto(`${url}${hash}`, { timeout: patience });
  return page;
}

const number = async (page, id) => Number(await page.textContent(`#n-${id}`));
const reached = (page, steps) =>
  page.waitForFunction((n) => Number(document.getElementById("n-steps").textContent) >= n, steps);
const choose = (page, name, value) => page.check(`input[name="${name}"][value="${value}"]`, { force: true });
const saved = async (page, id) => {
  const [file] = await Promise.all([page.waitForEvent("download"), page.click(id)]);
  return readFileSync(await file.path(), "latin1");
};

const page = await opened(1280, 1100, "#paused&grid=128x32&seed=1&gamma_T=1000000&amplitude=0.05");
await page.waitForFunction(() => document.getElementById("pane-exact").textContent.includes("128"));
await page.click("#step");
await reached(page, 1);
await page.click("#play");
await reached(page, 40);
await page.waitForFunction(() => document.getElementById("rate").textContent.includes("frames"));
found.rate = await page.textContent("#rate");
await page.keyboard.press("Space");
found.paused = await page.textContent("#play");

// Paint: <T> is not that of before, and only the brush was there in between.
found.beforePaint = await number(page, "mean");
const box = await page.locator("#pane-exact canvas").boundingBox();
await page.mouse.move(box.x + 0.3 * box.width, box.y + 0.5 * box.height);
await page.mouse.down();
for (let k = 1; k <= 5; k++) await page.mouse.move(box.x + (0.3 + 0.02 * k) * box.width, box.y + 0.5 * box.height);
await page.mouse.up();
found.csv = await saved(page, "#csv");
await page.click("#step");
await page.waitForFunction((before) => Math.abs(Number(document.getElementById("n-mean").textContent) - before) > 1e-3, found.beforePaint);
found.afterPaint = await number(page, "mean");

// A slider, by the keyboard, tells the simulation and the link.
await page.focus("#s-heating");
await page.keyboard.press("ArrowRight");
found.hash = await page.evaluate(() => location.hash);
found.toml = await saved(page, "#toml");
found.png = (await saved(page, "#png")).slice(1, 4);

// Side by side, the learned one with a closure of one's own.
found.learnedOffered = await page.isEnabled('input[name="beside"][value="learned"]');
await choose(page, "beside", "coarse");
await page.setInputFiles("#open", closure);
await page.waitForFunction(() => document.querySelector("#pane-other .name").textContent.includes("learned"));
await page.click("#play");
const steps = await number(page, "steps");
await reached(page, steps + 10);
await page.click("#play");
found.beside = await page.textContent("#pane-other .note");
found.error = await page.textContent("#pane-error .note");
for (const field of ["viscosity", "speed", "temperature"]) await choose(page, "field", field);
for (const id of ["#streamlines", "#tracers"]) await page.check(id, { force: true });
if (pictures) await page.screenshot({ path: `${pictures}/page.png` });

// A run, played; then a file that is none.
await page.setInputFiles("#open", run);
await page.waitForFunction(() => !document.getElementById("timeline-label").hidden);
found.player = await page.textContent("#pane-exact .name");
await page.click("#step");
found.output = await page.textContent("#pane-exact .note");
await page.setInputFiles("#open", { name: "no.safetensors", mimeType: "", buffer: Buffer.from("nothing of the kind") });
await page.waitForFunction(() => document.getElementById("status").textContent.includes("no.safetensors"));
found.refused = await page.textContent("#status");
await page.click("#live");
await page.waitForFunction(() => document.getElementById("timeline-label").hidden);

const phone = await opened(390, 844, "#grid=128x32");
await reached(phone, 3);
found.phone = await phone.evaluate(() => document.documentElement.scrollWidth);
found.unlabelled = await phone.evaluate(() =>
  [...document.querySelectorAll("button, input, select, canvas")]
    .filter((one) => !(one.labels?.length || one.textContent.trim() || one.getAttribute("aria-label") || one.closest("[aria-hidden]")))
    .map((one) => one.outerHTML));
if (pictures) await phone.screenshot({ path: `${pictures}/phone.png`, fullPage: true });
await browser.close();
process.stdout.write(JSON.stringify(found));
