// The pictures on the stage: the one that came, alone or under its mask, and beside it the one that was restored.

import { viewer } from "./viewer.js";

const byId = (id) => document.getElementById(id);

// Puts a picture into an image, and says whether the browser can show it. (Its decode() would wait until it is seen.)
function shows(image, address) {
  return new Promise((resolve) => {
    image.onload = () => resolve(true);
    image.onerror = () => {
      image.removeAttribute("src");
      resolve(false);
    };
    image.src = address;
  });
}

export class Stage {
  #addresses = { before: "", after: "" };
  #sizes = { before: null, after: null };
  #shown = "";

  constructor() {
    this.pictures = viewer(document);
  }

  // A picture that came; whether it can be shown as it is. Where not, it is shown with `preview`.
  async came(blob) {
    this.left();
    return this.#put("before", blob);
  }

  // Shows the picture that came by another one (a data address), as [width, height] pixels.
  async preview(address, size) {
    if (!(await shows(byId("before"), address))) return false;
    this.#sizes.before = { width: size[0], height: size[1] };
    return true;
  }

  // A restored picture, or where the browser cannot show it its preview; `ratio` is how much larger it is.
  async restored(blob, preview, ratio) {
    if (await this.#put("after", blob)) return true;
    if (preview === null || !(await this.#put("after", preview))) return false;
    const { width, height } = this.#sizes.before;
    this.#sizes.after = { width: Math.round(width * ratio), height: Math.round(height * ratio) };
    return true;
  }

  // Show the picture that came alone, or before and after; what is shown already stays as it is.
  show(which) {
    if (this.#shown === which || this.#sizes.before === null) return;
    this.#shown = which;
    byId("viewer").dataset.shows = which;
    if (which === "both") this.pictures.open({ ...this.#sizes.after, left: 0, right: 1 });
    else this.pictures.open({ ...this.#sizes.before, left: 0, right: 0 });
  }

  // Another result is coming, or another picture.
  again() {
    this.#shown = "";
  }

  // The picture goes.
  left() {
    for (const which of ["before", "after"]) {
      byId(which).removeAttribute("src");
      URL.revokeObjectURL(this.#addresses[which]);
    }
    this.#sizes = { before: null, after: null };
    this.#shown = "";
    byId("stage").classList.remove("live");
  }

  get size() {
    return this.#sizes.before;
  }

  async #put(which, blob) {
    URL.revokeObjectURL(this.#addresses[which]);
    this.#addresses[which] = URL.createObjectURL(blob);
    const image = byId(which);
    if (!(await shows(image, this.#addresses[which]))) return false;
    this.#sizes[which] = { width: image.naturalWidth, height: image.naturalHeight };
    return true;
  }
}
