// The page: a picture comes in, is looked at, restored, compared and taken home.

import { Problem, access, ask, follow, forget, isAbort } from "./api.js";
import { choose, listen, offerExamples } from "./incoming.js";
import { Painter } from "./painter.js";
import { Settings } from "./settings.js";
import { Stage } from "./stage.js";
import { advisedTask, bytesWords, findingWords, formatName, helps, lookedAt, problemWords, resultWords, secondsWords } from "./words.js";

const byId = (id) => document.getElementById(id);
const SUFFIXES = { jpeg: ["jpg", "jpeg", "jpe", "jfif"], png: ["png"], tiff: ["tif", "tiff"], webp: ["webp"], avif: ["avif"] };
const HIDDEN_FROM_BROWSERS = ["tiff"]; // formats that are written, and that few browsers show
let limits = {};
let current = null; // { file, direct, example, result, repaint, looking, working, job }

const say = (text) => {
  byId("live").textContent = text;
};

function complain(text) {
  const place = document.body.dataset.view === "start" ? byId("start-problem") : byId("problem");
  place.textContent = text;
  place.hidden = text === "";
}

const stage = new Stage();
const painter = new Painter(stage.pictures, { changed: showMaskState, say });
const settings = new Settings(() => {
  if (current === null) return;
  current.repaint = true;
  look();
});
stage.pictures.drawn = () => painter.moved();

function showMaskState() {
  byId("undo").disabled = byId("clear").disabled = painter?.empty ?? true;
}

// What the stage shows follows from the task, and from whether there is a result.
function look() {
  const filling = settings.task === "inpaint";
  const painting = filling && stage.size !== null && (current.result === null || current.repaint);
  stage.show(current.result !== null && !painting ? "both" : "before");
  if (painter.on !== painting) painter.active = painting;
  byId("repaint").hidden = !filling || current.result === null;
  byId("repaint").textContent = painting ? "Compare" : "Change the mask";
  if (current.result === null && filling) byId("restore").textContent = "Fill it in";
  else byId("restore").textContent = current.result === null ? "Restore" : "Restore again";
  byId("restore").className = current.result === null ? "primary" : "secondary strong";
}

// ---- a picture comes ----

async function take(file, example = null) {
  stop();
  complain("");
  if (limits.max_bytes && file.size > limits.max_bytes) {
    complain(`${file.name} has ${bytesWords(file.size)}: ${problemWords(new Problem(413), limits)}`);
    return;
  }
  const looking = new AbortController();
  const mine = { file, example, direct: true, result: null, repaint: false, looking, working: null, job: null };
  current = mine;
  painter.active = false;
  settings.begin();
  showPicture(file);
  mine.direct = await stage.came(file);
  if (current !== mine) return;
  if (mine.direct) opened();
  await diagnose(mine);
}

function showPicture(file) {
  document.body.dataset.view = "work";
  byId("start").hidden = true;
  byId("work").hidden = false;
  byId("result").hidden = true;
  byId("finding").hidden = false;
  byId("problem").hidden = true;
  byId("stage-words").hidden = true;
  byId("restore").disabled = false;
  byId("picture-name").textContent = file.name || "Pasted picture";
  byId("picture-facts").textContent = bytesWords(file.size);
  tellFinding("Looking at it", "A moment.", { busy: true });
  byId("picture-name").focus({ preventScroll: true });
  scrollTo(0, 0);
}

// The picture can be seen.
function opened() {
  const { width, height } = stage.size;
  stage.again();
  painter.begin(width, height);
  look();
  byId("picture-facts").textContent = `${width} × ${height} pixels, ${bytesWords(current.file.size)}`;
}

async function diagnose(mine) {
  const body = new FormData();
  body.append("picture", mine.file, "picture");
  const waiting = (seconds) => tellFinding("Looking at it", seconds ? busyWords(seconds) : "A moment.", { busy: true });
  let found;
  try {
    found = await ask("POST", `/v1/diagnose${mine.direct ? "" : "?preview=true"}`, { body, signal: mine.looking.signal, waiting });
    if (current !== mine) return;
    if (!mine.direct) await showPreview(found);
  } catch (error) {
    if (!isAbort(error) && current === mine) unseen(error);
    return;
  }
  if (current !== mine) return;
  byId("picture-facts").textContent += ` (${formatName(found.diagnosis.format)})`;
  const advised = advisedTask(found);
  const { example } = mine;
  settings.advise(found.diagnosis.format, example?.task ?? advised, Boolean(example) || helps(found));
  if (example && example.task !== advised) tellFinding(example.title, exampleWords(found), { found });
  else tellFinding(...findingWords(found.diagnosis), { found });
  if (example?.mask) await painter.load(example.mask);
  say(`${byId("finding-title").textContent}. ${byId("finding-words").textContent}`);
}

const exampleWords = ({ advice }) => (advice.task === null
  ? "There is nothing here that can be told for sure by looking. Since this is an example, what helps is chosen already."
  : "Since this is an example, what helps is chosen already.");

async function showPreview(found) {
  if (found.preview && (await stage.preview(found.preview, found.shown))) opened();
  else showStageWords("This picture cannot be shown here, but it can be restored.");
}

function unseen(error) {
  tellFinding("It could not be looked at", problemWords(error, limits), {});
  say(problemWords(error, limits));
  if (stage.size !== null) return;
  showStageWords("This file cannot be shown.");
  byId("restore").disabled = true;
}

function showStageWords(text) {
  byId("stage-words").textContent = text;
  byId("stage-words").hidden = false;
}

function tellFinding(title, words, { busy = false, found = null }) {
  byId("finding-title").textContent = title;
  byId("finding-words").textContent = words;
  byId("finding").setAttribute("aria-busy", String(busy));
  byId("finding-more").hidden = found === null;
  byId("finding-list").replaceChildren(...(found?.words ?? []).flatMap(([what, text]) => [
    Object.assign(document.createElement("dt"), { textContent: lookedAt(what) }),
    Object.assign(document.createElement("dd"), { textContent: text }),
  ]));
}

// ---- it is restored ----

const busyWords = (seconds) => `The server has no room at the moment. Trying again in ${seconds} s.`;

async function restore() {
  if (current === null || current.working || byId("restore").disabled) return;
  complain("");
  const mine = current;
  if (settings.task === "inpaint" && painter.empty) {
    complain("Paint over what should go first: then it is filled in.");
    byId("stage").focus();
    return;
  }
  mine.working = new AbortController();
  setBusy(true);
  try {
    await work(mine, mine.working.signal);
    if (current === mine) finished(mine);
  } catch (error) {
    if (current === mine && !isAbort(error)) complain(problemWords(error, limits));
    if (current === mine && isAbort(error)) say("Cancelled.");
  } finally {
    if (current === mine) {
      mine.working = mine.job = null;
      setBusy(false);
    }
  }
}

async function work(mine, signal) {
  const wanted = settings.wanted();
  const hard = !mine.direct || HIDDEN_FROM_BROWSERS.includes(wanted.format);
  const body = new FormData();
  for (const [name, value] of Object.entries(wanted)) body.append(name, String(value));
  body.append("picture", mine.file, "picture");
  if (wanted.task === "inpaint") body.append("mask", await painter.file(), "mask");
  showProgress("Sending", null);
  mine.job = await ask("POST", `/v1/restore?wait=0${hard ? "&preview=true" : ""}`, {
    body, signal,
    sent: (share) => showProgress(share < 1 ? "Sending" : "Waiting", share < 1 ? share : null),
    waiting: (seconds) => showProgress(seconds ? busyWords(seconds) : "Sending", null),
  });
  showJob(mine.job);
  const job = await follow(mine.job, { signal, tell: showJob });
  if (job.state === "failed") throw new Problem(job.problem.status, job.problem);
  if (job.state !== "done") throw new DOMException("cancelled", "AbortError");
  showProgress("Fetching the result", null);
  const blob = await ask("GET", job.links.result, { kind: "blob", signal });
  const preview = hard && job.links.preview ? await ask("GET", job.links.preview, { kind: "blob", signal }) : null;
  forget(job); // all of it is here now
  const { report } = job;
  mine.seen = await stage.restored(blob, preview, report.output_width / report.width);
  mine.result = { blob, report, seconds: job.work_seconds ?? report.seconds, name: resultName(mine.file.name, report.output_format) };
}

function showJob(job) {
  if (job === null) showProgress("The connection is lost. Trying again.", null);
  else if (job.state === "queued") showProgress(job.ahead > 0 ? `Waiting, ${job.ahead} before it` : "Waiting", null);
  else showProgress("Restoring", job.progress > 0 ? job.progress : null);
}

function showProgress(words, share) {
  const bar = byId("progress");
  const before = byId("progress-words").textContent;
  byId("progress-words").textContent = words;
  if (before.replace(/\d+/, "") !== words.replace(/\d+/, "")) say(words); // not every second that is counted
  byId("progress-number").textContent = share === null ? "" : `${Math.round(100 * share)} %`;
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
}

function setBusy(busy) {
  document.body.classList.toggle("working", busy);
  byId("ready").hidden = busy;
  byId("busy").hidden = !busy;
  for (const each of byId("settings").querySelectorAll("fieldset, .field, details")) each.inert = busy;
  if (busy) byId("cancel").focus({ preventScroll: true });
  else if (document.activeElement === document.body) byId("restore").focus({ preventScroll: true });
}

// "photo.jpg" becomes "photo_restored.jpg", with the suffix that its format has.
function resultName(name, format) {
  const [, stem, suffix] = /^(.*?)(?:\.([^.]*))?$/.exec(name || "picture");
  const known = SUFFIXES[format] ?? [format];
  const kept = known.includes(suffix?.toLowerCase()) ? suffix : known[0];
  return `${stem.replace(/_restored$/, "") || "picture"}_restored.${kept}`;
}

let download = "";
function finished(mine) {
  const { blob, report, seconds, name } = mine.result;
  mine.repaint = false;
  URL.revokeObjectURL(download);
  download = URL.createObjectURL(blob);
  Object.assign(byId("download"), { href: download, download: name });
  byId("download").lastChild.textContent = `Download ${formatName(report.output_format)}`;
  const [title, words] = resultWords(report, seconds, blob.size);
  byId("result-title").textContent = title;
  byId("result-words").textContent = words;
  byId("result-notes").replaceChildren(...report.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
  byId("result").hidden = false;
  byId("finding").hidden = true;
  byId("leave").hidden = true;
  stage.again();
  if (mine.seen) look();
  else showStageWords("The result cannot be shown here, but it can be downloaded.");
  say(`${title}. Before and after are shown.`);
  byId("result-title").focus({ preventScroll: true });
}

// What is under way ends; the server forgets it.
function stop() {
  if (current === null) return;
  current.looking.abort();
  current.working?.abort();
  if (current.job) forget(current.job);
  if (current.working) setBusy(false);
}

function cancel() {
  if (!current?.working) return;
  if (current.job) forget(current.job);
  current.job = null;
  current.working.abort();
}

// ---- what is pressed ----

byId("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  restore();
});
byId("cancel").addEventListener("click", cancel);
byId("repaint").addEventListener("click", () => {
  current.repaint = byId("viewer").dataset.shows === "both";
  look();
});
byId("next").addEventListener("click", () => {
  const { blob, name } = current.result;
  take(new File([blob], name, { type: blob.type }));
});
for (const each of document.querySelectorAll(".another")) each.addEventListener("click", choose);
byId("load-mask").addEventListener("click", () => byId("mask-file").click());
byId("mask-file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  try {
    if (file) await painter.load(file);
    complain("");
  } catch (error) {
    complain(error instanceof RangeError ? error.message : "This file cannot be read as a mask.");
  }
});
byId("open-help").addEventListener("click", () => byId("help").showModal());
if (/Mac|iP(hone|ad)/.test(navigator.platform)) {
  for (const each of byId("help").querySelectorAll("kbd")) if (each.textContent === "Ctrl") each.textContent = "⌘";
}

const shortcuts = {
  Enter: () => restore(),
  o: () => choose(),
  s: () => current?.result && byId("download").click(),
};
addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") cancel();
  const run = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && shortcuts[event.key];
  if (!run || (event.key === "s" && !current?.result)) return;
  event.preventDefault();
  run();
});
addEventListener("pagehide", (event) => {
  if (!event.persisted && current?.job) forget(current.job);
});

access.askForKey = (wrong) => new Promise((resolve) => {
  byId("key-wrong").hidden = !wrong;
  byId("key-text").value = "";
  byId("key").showModal();
  byId("key").addEventListener("close", () => resolve(byId("key").returnValue === "ok" ? byId("key-text").value.trim() : null), { once: true });
});

// ---- it begins ----

listen({ take, refuse: complain });
showMaskState();
try {
  const told = await ask("GET", "/v1/models");
  limits = told.limits ?? {};
  settings.offer(told);
  if (limits.max_bytes) byId("kinds").textContent += `; up to ${Math.floor(limits.max_bytes / 2 ** 20)} MB`;
  if (limits.keep_seconds) byId("promise").textContent += ` At the latest it goes after ${secondsWords(limits.keep_seconds)}.`;
  await offerExamples(take);
} catch (error) {
  complain(problemWords(error, limits));
}
document.documentElement.dataset.ready = "true";
