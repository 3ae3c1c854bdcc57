// Cutting a picture into overlapping pieces and putting the results together: what pixelmend/inference/tiles.py does,
// with the same origins, seams and blends, so that the same pixels come out.

const BLEND = 8;

const roundUp = (length, multiple) => Math.ceil(length / multiple) * multiple;

/** Where pieces begin along one side, and how large they are. */
export function planSide(length, { tile: largest, overlap, multiple, minimum }) {
  const padded = roundUp(Math.max(length, minimum), multiple);
  if (padded <= largest) return { length, tile: padded, origins: [0] };
  const count = Math.ceil((padded - overlap) / (largest - overlap));
  const tile = Math.max(minimum, roundUp((padded + (count - 1) * overlap) / count, multiple));
  const origins = Array.from({ length: count }, (_, index) => {
    const place = Math.floor(((padded - tile) * index) / (count - 1));
    return Math.floor(place / multiple) * multiple;
  });
  return { length, tile, origins };
}

/** Half the width of the blend between a piece and the next. */
function blend(side, index) {
  const shared = side.origins[index] + side.tile - side.origins[index + 1];
  return Math.min(BLEND, Math.floor(shared / 4));
}

function seam(side, index) {
  return Math.floor((side.origins[index + 1] + side.origins[index] + side.tile) / 2);
}

/** How much each pixel of piece `index` counts along one side: 0 outside, 1 inside, between them in the blends. */
export function weightsOf(side, index) {
  const { origins, tile, length } = side;
  const weights = new Float32Array(tile);
  const start = index === 0 ? 0 : seam(side, index - 1) - blend(side, index - 1);
  const stop = index === origins.length - 1 ? length : seam(side, index) + blend(side, index);
  const lead = index === 0 ? 0 : 2 * blend(side, index - 1);
  const tail = index === origins.length - 1 ? 0 : 2 * blend(side, index);
  for (let at = start; at < stop; at++) {
    let weight = 1;
    if (at - start < lead) weight *= (at - start + 0.5) / lead;
    if (stop - at <= tail) weight *= 1 - (at - (stop - tail) + 0.5) / tail;
    weights[at - origins[index]] = weight;
  }
  return weights;
}

/** Which pixel of a side stands at a place beyond its end: mirrored at the edge, then the last one again and again. */
export function mirrored(at, length) {
  if (at < length) return at;
  return Math.max(2 * (length - 1) - at, 0);
}
