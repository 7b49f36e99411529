// The session on a thread of its own, so that the page stays quick: messages in, frames out.

import { loadCore } from "./core.js";
import { Session } from "./session.js";

let session;

const ORDERS = {
  async load({ settings }) {
    const response = await fetch(new URL("tellus.wasm", import.meta.url));
    if (!response.ok) throw new Error("tellus.wasm is missing from this site.");
    session = new Session(await loadCore(await response.arrayBuffer()));
    session.start(settings);
    return show();
  },
  start: ({ settings }) => (session.start(settings), show()),
  change: ({ settings }) => (session.change(settings), show()),
  compare: ({ names }) => (session.compare(names), show()),
  closure({ closure }) {
    session.closure = closure;
  },
  paint: ({ strokes }) => (strokes.forEach((stroke) => session.paint(stroke)), show()),
  advance: ({ most, budget }) => ({ ...show(session.advance(most, budget)) }),
};

/** The frame of the present state, its velocity solved for. */
function show(going = true) {
  const solved = session.all().every((one) => one.solve());
  return { ...session.frame(), stuck: !(going && solved) };
}

onmessage = async ({ data: { order, ticket, ...details } }) => {
  try {
    const frame = await ORDERS[order](details);
    const fields = frame ? [frame, ...Object.values(frame.others)] : [];
    const moved = fields.flatMap(({ temperature, psi }) => [temperature.buffer, psi.buffer]);
    postMessage({ ticket, frame }, moved);
  } catch (error) {
    postMessage({ ticket, error: String(error.message ?? error) });
  }
};
