// What the page does: a picture in, its restored form beside it, a PNG out. The work itself is done by worker.js.

const at = (id) => document.getElementById(id);
const worker = new Worker("worker.js", { type: "module" });
const cards = new Map();

/** The picture in hand: { rgba, width, height, name }, or null. */
let picture = null;
let busy = false;
let address = null;

function say(text, bad = false) {
  at("status").textContent = text;
  at("status").classList.toggle("bad", bad);
}

function setBusy(value) {
  busy = value;
  at("restore").disabled = busy || picture === null || cards.size === 0;
  at("progress").hidden = !busy;
}

/** Which models the package has that clean a picture up without enlarging it. */
async function loadCards() {
  const names = await (await fetch("/models/")).json();
  const all = await Promise.all(names.map(async (name) => (await fetch(`/models/${name}`)).json()));
  const order = ["nano", "small", "base"];
  const fitting = all.filter((card) => card.scale === 1 && !card.conditions.includes("mask"));
  fitting.sort((a, b) => (b.task === "denoise") - (a.task === "denoise") || order.indexOf(a.size) - order.indexOf(b.size));
  for (const card of fitting) {
    cards.set(card.name, card);
    at("model").add(new Option(`${card.name} (${(card.parameters / 1e6).toFixed(1)} M)`, card.name));
  }
  cardChanged();
}

const cardInUse = () => cards.get(at("model").value);

function cardChanged() {
  const told = cardInUse()?.conditions.includes("noise_level") ?? false;
  at("auto").disabled = !told;
  at("sigma").disabled = !told || at("auto").checked;
  if (told) [at("sigma").min, at("sigma").max] = cardInUse().sigma_range;
  showLevel();
}

function showLevel() {
  const told = cardInUse()?.conditions.includes("noise_level") ?? true;
  at("level").textContent = told ? (at("auto").checked ? "measured" : `${at("sigma").value} of 255`) : "not needed";
}

async function open(blob, name) {
  if (busy) return;
  try {
    // As it is stored: no colour conversion, and no multiplying by transparency.
    const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    const { width, height } = bitmap;
    for (const id of ["before", "after"]) Object.assign(at(id), { width, height });
    const context = at("before").getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    at("after").getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    picture = { rgba: context.getImageData(0, 0, width, height).data, width, height, name };
  } catch {
    say(`${name} is not a picture that this browser can read: choose a PNG, JPEG or WebP file.`, true);
    return;
  }
  at("view").hidden = false;
  at("download").hidden = true;
  restore();
}

function restore() {
  if (busy || picture === null || cards.size === 0) return;
  setBusy(true);
  at("progress").removeAttribute("value");
  delete at("status").dataset.level;
  say(`Restoring ${picture.width}×${picture.height} pixels with ${cardInUse().name} …`);
  const sigma = at("auto").checked ? null : Number(at("sigma").value);
  const { rgba, width, height } = picture;
  worker.postMessage({ picture: { rgba, width, height }, card: cardInUse(), sigma });
}

async function finish({ pixels, seconds, threads }) {
  const { width, height, name } = picture;
  at("after").getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
  const file = await new Promise((resolve) => at("after").toBlob(resolve, "image/png"));
  if (address !== null) URL.revokeObjectURL(address);
  address = URL.createObjectURL(file);
  Object.assign(at("download"), { href: address, download: `${name.replace(/\.[^.]*$/, "")}_restored.png`, hidden: false });
  setBusy(false);
  const rate = (seconds * 1e6) / (width * height);
  const level = at("status").dataset.level ? `, noise level ${at("status").dataset.level}` : "";
  say(`Restored in ${seconds.toFixed(1)} s (${rate.toFixed(1)} s a megapixel, ${threads} thread${threads > 1 ? "s" : ""})${level}.`);
  at("status").dataset.seconds = seconds;
}

worker.addEventListener("message", ({ data }) => {
  if (data.type === "level") {
    at("status").dataset.level = data.sigma.toFixed(1);
    if (data.estimated) {
      at("sigma").value = data.sigma;
      at("level").textContent = `${data.sigma.toFixed(1)} of 255, measured`;
    }
  } else if (data.type === "progress") {
    at("progress").value = data.done / data.count;
  } else if (data.type === "done") {
    finish(data);
  } else {
    setBusy(false);
    say(`It failed: ${data.why}.`, true);
  }
});
worker.addEventListener("error", (event) => {
  setBusy(false);
  say(`The worker could not start (${event.message ?? "is onnxruntime-web installed?"}): run npm install.`, true);
});

at("file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  if (file) open(file, file.name);
  target.value = ""; // so that the same picture can be chosen again
});
at("example").addEventListener("click", async () => {
  open(await (await fetch("/examples/lighthouse_noisy.png")).blob(), "lighthouse_noisy.png");
});
at("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  restore();
});
at("model").addEventListener("change", cardChanged);
at("auto").addEventListener("change", cardChanged);
at("sigma").addEventListener("input", showLevel);
at("slider").addEventListener("input", ({ target }) => at("stage").style.setProperty("--split", `${target.value}%`));
at("actual").addEventListener("change", ({ target }) => at("view").classList.toggle("actual", target.checked));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  at("drop").classList.add("over");
});
document.addEventListener("dragleave", () => at("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) open(file, file.name);
});
document.addEventListener("paste", ({ clipboardData }) => {
  const [file] = clipboardData.files;
  if (file) open(file, file.name || "pasted.png");
});

loadCards().then(
  () => setBusy(false),
  () => say("The models could not be read: start the page with npm start, from its folder in the repository.", true),
);
