// How noisy a picture is: the estimate of pixelmend/diagnosis/noise.py (Chen, Zhu and Heng, ICCV 2015), for 8 bits.
// Clean patches lie near a subspace, so the small eigenvalues of the patches' covariance are those of the noise. What black and
// white cut off strong noise is not put back here, as it is there.

const BLOCK = 64;
const BLOCKS_A_SIDE = 7;
const SIDES = [8, 6, 5, 4, 3];
const MOST_PATCHES = 12000;
const LEAST_PATCHES = 500;

/** Standard deviation of the noise, 0-255 scale. `rgba` is that of ImageData. */
export function estimateSigma(rgba, width, height) {
  const blocks = blocksOf(width, height);
  const side = SIDES.find((each, index) => {
    const room = (blocks.height - each + 1) * (blocks.width - each + 1) * blocks.places.length;
    return each <= Math.min(blocks.height, blocks.width) && (room >= LEAST_PATCHES || index === SIDES.length - 1);
  });
  if (side === undefined) return 0;
  const patches = patchesOf(rgba, width, blocks, side);
  let sigma = 0.1; // a first guess, on the [0, 1] scale: which patches are good hangs on the level
  for (let round = 0; round < 3; round++) {
    sigma = Math.sqrt(Math.max(0, noiseVariance(patches, weak(patches, inside(patches, sigma), sigma))));
  }
  return 255 * sigma;
}

function blocksOf(width, height) {
  const size = { width: Math.min(BLOCK, width), height: Math.min(BLOCK, height) };
  const spread = (length, block) => {
    const count = Math.min(BLOCKS_A_SIDE, Math.floor(length / block));
    return Array.from({ length: count }, (_, index) => Math.floor(((length - block) * index) / Math.max(1, count - 1)));
  };
  const lefts = spread(width, size.width);
  return { ...size, places: spread(height, size.height).flatMap((top) => lefts.map((left) => [top, left])) };
}

/** High frequencies, texture (energy of low frequencies) and mean of each patch, each channel by itself. */
function patchesOf(rgba, width, blocks, side) {
  const channels = isGray(rgba, width, blocks) ? 1 : 3;
  const sides = SIDES.filter((each) => each <= Math.min(blocks.height, blocks.width));
  const room = (each) => (blocks.height - each + 1) * (blocks.width - each + 1) * blocks.places.length;
  const rows = Math.max(...sides.map(room)) * channels;
  const step = 1 + (rows > 4 * MOST_PATCHES) + (rows > 16 * MOST_PATCHES);
  const { low, high } = frequencies(side);
  const found = { details: [], texture: [], mean: [], dimensions: high.length, clipped: false };
  const values = new Float32Array(side * side);
  let extreme = 0;
  let all = 0;
  for (const [top, left] of blocks.places) {
    for (let channel = 0; channel < channels; channel++) {
      for (let y = 0; y + side <= blocks.height; y += step) {
        for (let x = 0; x + side <= blocks.width; x += step) {
          let sum = 0;
          for (let at = 0; at < values.length; at++) {
            const row = top + y + Math.floor(at / side);
            const byte = rgba[4 * (row * width + left + x + (at % side)) + channel];
            extreme += byte === 0 || byte === 255;
            values[at] = byte / 255;
            sum += values[at];
          }
          all += values.length;
          found.mean.push(sum / values.length);
          found.texture.push(low.reduce((total, wave) => total + product(values, wave) ** 2, 0));
          for (const wave of high) found.details.push(product(values, wave));
        }
      }
    }
  }
  found.clipped = extreme / all > 0.0005;
  return found;
}

function isGray(rgba, width, { places, width: across, height: down }) {
  return places.every(([top, left]) => {
    for (let y = top; y < top + down; y++) {
      for (let at = 4 * (y * width + left); at < 4 * (y * width + left + across); at += 4) {
        if (rgba[at] !== rgba[at + 1] || rgba[at] !== rgba[at + 2]) return false;
      }
    }
    return true;
  });
}

function product(values, wave) {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at] * wave[at];
  return sum;
}

/** The cosine basis of a patch: low frequencies without the mean, and high ones. */
function frequencies(side) {
  const wave = (order) =>
    Array.from({ length: side }, (_, place) => {
      const scale = Math.sqrt((order === 0 ? 1 : 2) / side);
      return scale * Math.cos((Math.PI * (2 * place + 1) * order) / (2 * side));
    });
  const waves = Array.from({ length: side }, (_, order) => wave(order));
  const basis = { low: [], high: [] };
  for (let v = 0; v < side; v++) {
    for (let u = 0; u < side; u++) {
      if (u + v === 0) continue;
      const both = Float64Array.from({ length: side * side }, (_, at) => waves[v][Math.floor(at / side)] * waves[u][at % side]);
      basis[u + v < side ? "low" : "high"].push(both);
    }
  }
  return basis;
}

/** Patches so far from black and white that noise is not clipped there; the midmost where there are few. */
function inside({ mean, clipped }, sigma) {
  const every = mean.map((_, index) => index);
  if (!clipped) return every;
  const distance = mean.map((each) => Math.min(each, 1 - each));
  const good = every.filter((index) => distance[index] >= Math.max(2.5 * sigma, 0.01));
  const least = Math.min(mean.length, Math.max(LEAST_PATCHES, Math.floor(mean.length / 20)));
  if (good.length >= least) return good;
  const bound = [...distance].sort((a, b) => a - b)[mean.length - least];
  return every.filter((index) => distance[index] >= bound);
}

/** Of these, the patches with the least texture. */
function weak({ texture }, which, sigma) {
  const share = sigma > 0.07 ? 0.08 : 0.02;
  const least = Math.min(which.length, Math.max(LEAST_PATCHES, Math.floor(which.length * share)));
  const bound = which.map((index) => texture[index]).sort((a, b) => a - b)[least - 1];
  return which.filter((index) => texture[index] <= bound);
}

/** Where the mean of the smallest eigenvalues is their median, it is the variance of the noise. */
function noiseVariance({ details, dimensions }, which) {
  const covariance = Array.from({ length: dimensions }, () => new Float64Array(dimensions));
  for (const index of which) {
    const patch = details.slice(index * dimensions, (index + 1) * dimensions);
    for (let a = 0; a < dimensions; a++) {
      for (let b = 0; b < dimensions; b++) covariance[a][b] += (patch[a] * patch[b]) / which.length;
    }
  }
  const values = eigenvalues(covariance);
  for (let count = values.length; count > 0; count--) {
    const smallest = values.slice(0, count);
    const mean = smallest.reduce((sum, each) => sum + each, 0) / count;
    if (smallest.filter((each) => each > mean).length >= smallest.filter((each) => each < mean).length) return mean;
  }
  return values[0];
}

/** Of a symmetric matrix, which is used up; rising. Jacobi's rotations. */
function eigenvalues(matrix) {
  const size = matrix.length;
  for (let sweep = 0; sweep < 30; sweep++) {
    let rest = 0;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        rest += Math.abs(matrix[p][q]);
        rotate(matrix, p, q);
      }
    }
    if (rest < 1e-15) break;
  }
  return matrix.map((row, index) => row[index]).sort((a, b) => a - b);
}

/** Make the value at (p, q) zero. */
function rotate(matrix, p, q) {
  if (Math.abs(matrix[p][q]) < 1e-300) return;
  const theta = (matrix[q][q] - matrix[p][p]) / (2 * matrix[p][q]);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (const row of matrix) [row[p], row[q]] = [c * row[p] - s * row[q], s * row[p] + c * row[q]];
  const [one, other] = [matrix[p], matrix[q]];
  for (let at = 0; at < matrix.length; at++) [one[at], other[at]] = [c * one[at] - s * other[at], s * one[at] + c * other[at]];
}
