// Tensors and metadata of a safetensors file: of a trained closure, or of an exported run.

const ARRAYS = { F32: Float32Array, F64: Float64Array };

/** { tensors: { name: { shape, data } }, metadata }; throws an Error in one sentence. */
export function readSafetensors(buffer) {
  const damaged = new Error("this is no safetensors file, or a damaged one: export it again.");
  if (buffer.byteLength < 8) throw damaged;
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  if (length > buffer.byteLength - 8) throw damaged;
  let header;
  try {
    header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  } catch {
    throw damaged;
  }
  const { __metadata__: metadata = {}, ...described } = header;
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: [begin, end] }] of Object.entries(described)) {
    if (!(dtype in ARRAYS)) throw new Error(`${name} is of type ${dtype}, not of F32 or F64.`);
    const size = shape.reduce((product, n) => product * n, ARRAYS[dtype].BYTES_PER_ELEMENT);
    if (end - begin !== size || 8 + length + end > buffer.byteLength) throw damaged;
    tensors[name] = { shape, data: new ARRAYS[dtype](buffer.slice(8 + length + begin, 8 + length + end)) };
  }
  return { tensors, metadata };
}
