// The form: which settings apply to a task, what they show, and what is sent.

import { ORDER, formatName, taskTitle, taskWords } from "./words.js";

const byId = (id) => document.getElementById(id);
const CARE = { nano: "quick", small: "usual", base: "thorough, slower" };
const LOSSY = ["jpeg", "webp", "avif"];

// Its state is the form's own. `changed(task)` is called when the task is another one.
export class Settings {
  #tasks = new Map();
  #perceptual = new Map();
  #source = "";
  #touched = false;

  constructor(changed) {
    this.form = byId("settings");
    this.form.addEventListener("input", () => this.show());
    this.changed = changed;
    byId("tasks").addEventListener("change", () => {
      this.#touched = true;
      changed(this.task);
    });
  }

  // What there is: the answer of /v1/models.
  offer({ tasks, models, formats_out: formats }) {
    this.#tasks = new Map(tasks.map((each) => [each.name, each]));
    for (const { name } of tasks) {
      const crisp = models.filter((each) => each.variant === "perceptual" && each.task === name);
      this.#perceptual.set(name, crisp.map((each) => each.scale));
    }
    const known = ORDER.filter((name) => name === "auto" || this.#tasks.has(name));
    const others = [...this.#tasks.keys()].filter((name) => !known.includes(name));
    byId("tasks").append(...[...known, ...others].map(choice));
    byId("format").append(...formats.map((each) => new Option(formatName(each), each)));
    this.task = "auto";
  }

  get task() {
    return this.form.elements.task?.value ?? "auto";
  }

  set task(name) {
    const found = [...this.form.elements.task].find((each) => each.value === name);
    if (found) found.checked = true;
    this.show();
    this.changed(this.task);
  }

  // Begin anew for another picture.
  begin() {
    this.form.reset();
    this.#source = "";
    this.#touched = false;
    this.#mark(null);
    this.task = "auto";
  }

  // What a diagnosis says: the picture's format, a task, and whether that helps; who has chosen one meanwhile keeps it.
  advise(format, task, helps) {
    this.#source = format;
    this.#mark(helps ? task : null);
    if (!this.#touched && this.task !== task) this.task = task;
    else this.show();
  }

  #mark(advised) {
    for (const each of byId("tasks").querySelectorAll("label")) {
      each.classList.toggle("advised", each.querySelector("input").value === advised);
    }
  }

  show() {
    const { task } = this;
    const known = this.#tasks.get(task);
    byId("task-words").textContent = taskWords(task);
    fill(byId("size"), (known?.sizes ?? []).map((size) => [size, CARE[size] ?? size]), "small");
    byId("size-field").hidden = (known?.sizes.length ?? 0) < 2;
    const scales = (known?.scales ?? []).filter((scale) => scale > 1);
    byId("scale-field").hidden = scales.length < 2;
    offerScales(scales);
    byId("sigma-field").hidden = task !== "denoise";
    byId("sigma").disabled = byId("sigma-auto").checked;
    byId("fidelity-field").hidden = !this.#crisp();
    byId("quality").disabled = !LOSSY.includes(byId("format").value || this.#source);
    const percent = (id, none, all) => {
      const value = Number(byId(id).value);
      byId(`${id}-shown`).textContent = value === 0 && none ? none : value === 100 && all ? all : `${value} %`;
    };
    percent("strength");
    percent("fidelity", "faithful", "crisp");
    percent("grain", "none");
    byId("sigma-shown").textContent = byId("sigma-auto").checked ? "measured" : `${byId("sigma").value} of 255`;
  }

  // As the API takes them: only what differs from what it would do anyway.
  wanted() {
    const value = (id) => byId(id).value;
    const wanted = { task: this.task };
    if (!byId("scale-field").hidden) wanted.scale = this.#scale();
    if (!byId("sigma-field").hidden && !byId("sigma-auto").checked) wanted.sigma = value("sigma");
    if (value("strength") !== "100") wanted.strength = Number(value("strength")) / 100;
    if (this.#crisp() && value("fidelity") !== "0") wanted.fidelity = 1 - Number(value("fidelity")) / 100;
    if (value("grain") !== "0") wanted.keep_grain = Number(value("grain")) / 100;
    if (!byId("anchor").checked) wanted.anchor = false;
    if (!byId("size-field").hidden && value("size") !== "small") wanted.size = value("size");
    const quality = !byId("quality").disabled && value("quality");
    if (value("format") || quality) wanted.format = value("format") || this.#source;
    if (quality) wanted.quality = quality;
    return wanted;
  }

  #scale() {
    return Number(this.form.elements.scale?.value ?? 0);
  }

  #crisp() {
    const scales = this.#perceptual.get(this.task) ?? [];
    return byId("scale-field").hidden ? scales.length > 0 : scales.includes(this.#scale());
  }
}

function choice(name) {
  const label = document.createElement("label");
  label.className = "task";
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "task", value: name });
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("class", "icon");
  icon.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", document.getElementById(`i-${name}`) ? `#i-${name}` : "#i-other");
  icon.append(use);
  const title = Object.assign(document.createElement("span"), { textContent: taskTitle(name) });
  const advised = Object.assign(document.createElement("span"), { className: "badge", textContent: "advised" });
  label.append(input, icon, title, advised);
  return label;
}

function fill(select, choices, usual) {
  if ([...select.options].map((each) => each.value).join() === choices.map(([value]) => value).join()) return;
  select.replaceChildren(...choices.map(([value, words]) => new Option(words, value, value === usual, value === usual)));
}

function offerScales(scales) {
  const there = [...document.querySelectorAll("#scales input")].map((each) => Number(each.value));
  if (there.join() === scales.join()) return;
  byId("scales").replaceChildren(...scales.map((scale) => {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "scale", value: scale });
    input.defaultChecked = scale === scales.at(-1);
    label.append(input, Object.assign(document.createElement("span"), { textContent: `${scale} times` }));
    return label;
  }));
}
