// Writes a mask as PNG: one bit a pixel, so that nothing between "keep" and "lost" exists, in strips of rows, so that no
// canvas is ever larger than one strip.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

// Length, kind, data, checksum.
function chunk(kind, data) {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i += 1) bytes[4 + i] = kind.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

// A filter byte of 0 and one bit a pixel, for each row of a strip; `shown` is its RGBA, `rows` may be fewer than it has.
function pack(shown, width, rows) {
  const stride = 1 + Math.ceil(width / 8);
  const packed = new Uint8Array(stride * rows);
  for (let y = 0; y < rows; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (shown[4 * (y * width + x) + 3] >= 128) packed[y * stride + 1 + (x >> 3)] |= 128 >> (x & 7);
    }
  }
  return packed;
}

// The mask of a picture: paint(context, top) draws what is lost into a strip whose first row is `top`; what it leaves at
// least half opaque is white.
export async function maskFile(width, height, paint) {
  const high = Math.max(1, Math.min(height, Math.floor(2 ** 20 / width)));
  const canvas = Object.assign(document.createElement("canvas"), { width, height: high });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const squeezed = new CompressionStream("deflate");
  const writer = squeezed.writable.getWriter();
  const reading = new Response(squeezed.readable).arrayBuffer();
  for (let top = 0; top < height; top += high) {
    context.clearRect(0, 0, width, high);
    paint(context, top);
    const rows = Math.min(high, height - top);
    await writer.write(pack(context.getImageData(0, 0, width, rows).data, width, rows));
  }
  await writer.close();
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([1, 0, 0, 0, 0], 8); // one bit, grey
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  const data = new Uint8Array(await reading);
  return new Blob([signature, chunk("IHDR", head), chunk("IDAT", data), chunk("IEND", new Uint8Array())], { type: "image/png" });
}
