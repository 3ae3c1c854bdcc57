// Runs the network beside the page, so that the page stays alive: pixels in, progress, pixels out.

import * as ort from "/runtime/ort.wasm.min.mjs";
import { estimateSigma } from "./noise.js";
import { mirrored, planSide, weightsOf } from "./tiles.js";

ort.env.wasm.wasmPaths = "/runtime/";
// Threads share memory, which a browser allows only where the server sends the two Cross-Origin headers.
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(8, navigator.hardwareConcurrency || 1) : 1;
ort.env.logLevel = "error";

const sessions = new Map();

function sessionOf(card) {
  if (!sessions.has(card.file)) {
    const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" };
    sessions.set(card.file, ort.InferenceSession.create(`/models/${card.file}`, options));
  }
  return sessions.get(card.file);
}

/** What the network is fed for one piece: (1, 3, height, width) in [0, 1], mirrored where it reaches past the end. */
function pieceOf({ rgba, width, height }, top, left, rows, columns) {
  const values = new Float32Array(3 * rows.tile * columns.tile);
  const inside = { height: Math.min(rows.tile, height - top), width: Math.min(columns.tile, width - left) };
  for (let y = 0, at = 0; y < rows.tile; y++) {
    const row = (top + mirrored(y, inside.height)) * width;
    for (let x = 0; x < columns.tile; x++, at++) {
      const from = 4 * (row + left + mirrored(x, inside.width));
      for (let channel = 0; channel < 3; channel++) {
        values[channel * rows.tile * columns.tile + at] = Math.fround(rgba[from + channel] * Math.fround(1 / 255));
      }
    }
  }
  return values;
}

/** Add the result of one piece to the whole, each pixel by what it counts there. */
function add(total, { width, height }, result, [row, rows], [column, columns]) {
  const [down, across] = [weightsOf(rows, row), weightsOf(columns, column)];
  const plane = rows.tile * columns.tile;
  for (let y = 0; y < rows.tile; y++) {
    if (down[y] === 0 || rows.origins[row] + y >= height) continue;
    for (let x = 0; x < columns.tile; x++) {
      if (across[x] === 0 || columns.origins[column] + x >= width) continue;
      const to = 3 * ((rows.origins[row] + y) * width + columns.origins[column] + x);
      const weight = down[y] * across[x];
      for (let channel = 0; channel < 3; channel++) {
        total[to + channel] += weight * result[channel * plane + y * columns.tile + x];
      }
    }
  }
}

/** 8 bits again, rounded and clamped by the array; gray stays gray, transparency stays as it was. */
function toPixels(total, rgba) {
  const pixels = new Uint8ClampedArray(rgba);
  const gray = rgba.every((value, at) => at % 4 === 3 || value === rgba[at - (at % 4)]);
  for (let from = 0, to = 0; to < pixels.length; from += 3, to += 4) {
    const mean = (total[from] + total[from + 1] + total[from + 2]) / 3;
    for (let channel = 0; channel < 3; channel++) {
      const value = gray ? mean : total[from + channel];
      if (!Number.isFinite(value)) throw new Error("the model gave values that are not finite");
      pixels[to + channel] = 255 * value;
    }
  }
  return pixels;
}

async function restore({ picture, card, sigma }) {
  const told = card.conditions.includes("noise_level");
  const [low, high] = card.sigma_range;
  const estimated = told && sigma === null;
  const level = Math.min(Math.max(estimated ? estimateSigma(picture.rgba, picture.width, picture.height) : sigma ?? 0, low), high);
  if (told) postMessage({ type: "level", sigma: level, estimated });
  const session = await sessionOf(card);
  const started = performance.now();
  const [fixedHeight, fixedWidth] = card.fixed?.length ? card.fixed : [null, null];
  const plan = (length, fixed) =>
    planSide(length, {
      tile: fixed ?? card.tile,
      minimum: fixed ?? card.minimum,
      overlap: card.overlap,
      multiple: card.multiple_of,
    });
  const [rows, columns] = [plan(picture.height, fixedHeight), plan(picture.width, fixedWidth)];
  const total = new Float32Array(3 * picture.width * picture.height);
  const count = rows.origins.length * columns.origins.length;
  const size = [rows.tile, columns.tile];
  for (let index = 0; index < count; index++) {
    const [row, column] = [Math.floor(index / columns.origins.length), index % columns.origins.length];
    const piece = pieceOf(picture, rows.origins[row], columns.origins[column], rows, columns);
    const feeds = { degraded: new ort.Tensor("float32", piece, [1, 3, ...size]) };
    if (told) {
      feeds.noise_level = new ort.Tensor("float32", new Float32Array(size[0] * size[1]).fill(level / 255), [1, 1, ...size]);
    }
    const { restored } = await session.run(feeds);
    add(total, picture, restored.data, [row, rows], [column, columns]);
    restored.dispose();
    postMessage({ type: "progress", done: index + 1, count });
  }
  const pixels = toPixels(total, picture.rgba);
  const seconds = (performance.now() - started) / 1000;
  postMessage({ type: "done", pixels, seconds, threads: ort.env.wasm.numThreads }, [pixels.buffer]);
}

self.addEventListener("message", async ({ data }) => {
  try {
    await restore(data);
  } catch (error) {
    postMessage({ type: "failed", why: String(error?.message ?? error) });
  }
});
