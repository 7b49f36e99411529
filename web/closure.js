// What `tellus export MODEL --to web` wrote of a trained closure.

import { readSafetensors } from "./safetensors.js";

/** What `Simulation.close` takes, and between what it was trained; throws an Error in a sentence. */
export function readClosure(buffer) {
  const { tensors, metadata } = readSafetensors(buffer);
  if (metadata.tellus !== "closure")
    throw new Error("this file holds no closure: write one with tellus export MODEL --to web.");
  const { widths, range } = JSON.parse(metadata.about);
  return { widths, range, weights: tensors.weights.data, inputs: tensors.inputs.data };
}
