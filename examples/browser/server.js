// Serves the page, the models of the package, its examples and ONNX Runtime; nothing else, and to this machine only.
// The two Cross-Origin headers let the page use several threads.

import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** Folders by the beginning of an address, and what may be fetched from each. */
const places = {
  "/models/": [process.env.MODELS ?? join(here, "../../src/pixelmend/catalog"), new Set([".json", ".onnx"])],
  "/examples/": [join(here, ".."), new Set([".png"])],
  "/runtime/": [join(here, "node_modules/onnxruntime-web/dist"), new Set([".mjs", ".wasm"])],
  "/": [here, new Set([".html", ".js", ".css", ".svg"])],
};

const types = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

function fileOf(address) {
  const path = decodeURIComponent(new URL(address, "http://localhost").pathname);
  const start = Object.keys(places).find((each) => path.startsWith(each));
  const [folder, kinds] = places[start];
  const file = normalize(join(folder, path.slice(start.length) || "index.html"));
  const direct = dirname(file) === normalize(folder).replace(/[\\/]$/, "");
  return direct && kinds.has(extname(file)) ? file : null;
}

/** The cards of all models, as JSON. */
async function listModels() {
  const names = await readdir(places["/models/"][0]);
  return JSON.stringify(names.filter((name) => name.endsWith(".json")).sort());
}

const server = createServer(async (request, response) => {
  response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
  response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("Cache-Control", "no-cache");
  try {
    if (request.method === "GET" && request.url === "/models/") {
      response.writeHead(200, { "Content-Type": types[".json"] });
      response.end(await listModels());
      return;
    }
    const file = request.method === "GET" ? fileOf(request.url) : null;
    if (file === null) throw new Error("not served");
    const { size } = await stat(file);
    response.writeHead(200, { "Content-Type": types[extname(file)] ?? "application/octet-stream", "Content-Length": size });
    createReadStream(file).pipe(response);
  } catch {
    response.writeHead(404, { "Content-Type": "text/plain; charset=utf-8" });
    response.end("not found\n");
  }
});

server.listen(Number(process.env.PORT ?? 8000), "127.0.0.1", () => {
  console.log(`open http://localhost:${server.address().port}`);
});
