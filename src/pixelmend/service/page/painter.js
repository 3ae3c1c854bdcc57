// Paints what is lost over a picture: strokes in pixels of the picture, which can be undone, shown translucent and given as
// a mask of the picture's own size, however much smaller the canvas is that shows them.

import { maskFile } from "./png.js";

const MOST = 4_000_000; // pixels of the canvas that is shown
const byId = (id) => document.getElementById(id);

export class Painter {
  #marks = []; // in order: { points, radius, erase }, { image } or { all: true } for a mask that was cleared
  #stroke = null;
  #at = { x: 0, y: 0 };
  #down = false; // whether the keyboard holds the brush down

  // `pictures` is the viewer; `changed()` is called when the mask is another, `say(text)` tells a screen reader.
  constructor(pictures, { changed, say }) {
    this.pictures = pictures;
    this.canvas = byId("mask");
    this.context = this.canvas.getContext("2d");
    this.cursor = byId("brush");
    Object.assign(this, { changed, say, width: 1, height: 1 });
    byId("brush-size").addEventListener("input", () => this.#showCursor());
    byId("undo").addEventListener("click", () => this.undo());
    byId("clear").addEventListener("click", () => this.clear());
    for (const each of document.querySelectorAll("[name=tool]")) each.addEventListener("change", () => this.#choose());
  }

  // A new picture, on which nothing is painted.
  begin(width, height) {
    const scale = Math.min(1, Math.sqrt(MOST / (width * height)));
    Object.assign(this, { width, height });
    Object.assign(this.canvas, { width: Math.ceil(width * scale), height: Math.ceil(height * scale) });
    this.#marks = [];
    this.#at = { x: width / 2, y: height / 2 };
    byId("brush-size").max = Math.max(20, Math.round(Math.max(width, height) / 4));
    byId("brush-size").value = Math.max(4, Math.round(Math.max(width, height) / 30));
    this.#redraw();
  }

  get empty() {
    const last = this.#marks.findLastIndex((each) => each.all);
    return !this.#marks.slice(last + 1).some((each) => !each.erase);
  }

  // Whether one paints now.
  set active(active) {
    this.on = active;
    this.canvas.hidden = !active;
    byId("paint-bar").hidden = !active;
    this.#down = false;
    this.#choose();
  }

  // The mask as a file: white where something is lost.
  file() {
    return maskFile(this.width, this.height, (context, top) => {
      context.save();
      context.translate(0, -top);
      context.imageSmoothingEnabled = false;
      this.#draw(context);
      context.restore();
    });
  }

  // What is white in a picture becomes a part of the mask.
  async load(blob) {
    const image = await createImageBitmap(blob);
    if (image.width !== this.width || image.height !== this.height) {
      throw new RangeError(`This mask has ${image.width} × ${image.height} pixels, and the picture ${this.width} × ${this.height}.`);
    }
    this.#add({ image: opaqueWhereWhite(image) });
  }

  undo() {
    if (this.#stroke) return;
    if (this.#marks.pop()) this.say("Undone.");
    this.#redraw();
  }

  clear() {
    if (this.empty) return;
    this.#add({ all: true });
    this.say("The mask is empty.");
  }

  #add(mark) {
    this.#marks.push(mark);
    this.#redraw();
  }

  #tool() {
    return document.querySelector("[name=tool]:checked").value;
  }

  #choose() {
    const painting = Boolean(this.on) && this.#tool() !== "move";
    this.pictures.tool = painting ? this.#hand() : null;
    const stage = byId("stage");
    stage.classList.toggle("tooled", painting);
    stage.setAttribute("role", painting ? "application" : "group");
    stage.setAttribute("aria-label", painting
      ? "Mask over the picture: arrow keys move the brush, space puts it down and lifts it, brackets change its size"
      : "The picture: arrow keys move it, 0 fits it in, 1 shows pixels, plus and minus zoom");
    this.cursor.hidden = !painting;
    this.#showCursor();
  }

  // What the viewer hands on.
  #hand() {
    return {
      down: ([x, y]) => this.#begin(x, y),
      move: ([x, y]) => this.#reach(x, y),
      up: () => this.#end(),
      cancel: () => this.#cancel(),
      hover: (place) => {
        if (place) [this.#at.x, this.#at.y] = place;
        this.#showCursor();
      },
      key: (event) => this.#key(event),
    };
  }

  #begin(x, y) {
    this.#stroke = { points: [[x, y]], radius: Number(byId("brush-size").value) / 2, erase: this.#tool() === "erase" };
    this.#marks.push(this.#stroke);
    this.#at = { x, y };
    this.#redraw();
  }

  #reach(x, y) {
    if (!this.#stroke) return;
    const last = this.#stroke.points.at(-1);
    this.#stroke.points.push([x, y]);
    this.#at = { x, y };
    this.#scaled((context) => drawStroke(context, { ...this.#stroke, points: [last, [x, y]] }));
    this.#showCursor();
  }

  #end() {
    this.#stroke = null;
    this.changed();
  }

  #cancel() {
    if (!this.#stroke) return;
    this.#marks.pop();
    this.#stroke = null;
    this.#redraw();
  }

  #key(event) {
    const slider = byId("brush-size");
    const step = event.shiftKey ? 10 * this.#step() : this.#step();
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") this.undo();
    else if (event.ctrlKey || event.metaKey || event.altKey) return false;
    else if (moves[event.key]) this.#walk(...moves[event.key]);
    else if (event.key === " ") this.#press(event.repeat);
    else if (event.key === "Escape" && this.#down) this.#drop();
    else if (event.key === "[" || event.key === "]") {
      slider.value = Number(slider.value) * (event.key === "[" ? 1 / 1.2 : 1.2) + (event.key === "[" ? -1 : 1);
      this.#showCursor();
      this.say(`Brush ${slider.value} pixels wide.`);
    } else if (event.key.toLowerCase() === "e") {
      const other = this.#tool() === "erase" ? "paint" : "erase";
      document.querySelector(`[name=tool][value=${other}]`).click();
      this.say(other === "erase" ? "Erasing." : "Painting.");
    } else return false;
    return true;
  }

  #step() {
    return Math.max(1, Math.round(Number(byId("brush-size").value) / 4));
  }

  #walk(x, y) {
    this.#at.x = Math.min(Math.max(this.#at.x + x, 0), this.width);
    this.#at.y = Math.min(Math.max(this.#at.y + y, 0), this.height);
    if (this.#down) this.#reach(this.#at.x, this.#at.y);
    this.pictures.reveal(this.#at.x, this.#at.y);
  }

  // Space puts the brush down; the next one lifts it.
  #press(repeated) {
    if (repeated) return;
    this.#down = !this.#down;
    if (this.#down) this.#begin(this.#at.x, this.#at.y);
    else this.#end();
    this.cursor.classList.toggle("down", this.#down);
    this.say(this.#down ? `The brush is down at ${Math.round(this.#at.x)}, ${Math.round(this.#at.y)}.` : "The brush is lifted.");
  }

  // The stroke is given up.
  #drop() {
    this.#down = false;
    this.cursor.classList.remove("down");
    this.#cancel();
    this.say("The stroke is given up.");
  }

  #draw(context) {
    for (const mark of this.#marks) {
      if (mark.all) context.clearRect(0, 0, this.width, this.height);
      else if (mark.image) context.drawImage(mark.image, 0, 0, this.width, this.height);
      else drawStroke(context, mark);
    }
  }

  #scaled(paint) {
    this.context.save();
    this.context.scale(this.canvas.width / this.width, this.canvas.height / this.height);
    const accent = getComputedStyle(this.canvas).color;
    this.context.fillStyle = accent;
    this.context.strokeStyle = accent;
    paint(this.context);
    this.context.restore();
  }

  #redraw() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.#scaled((context) => this.#draw(context));
    this.#showCursor();
    this.changed();
  }

  #showCursor() {
    const { x, y, zoom } = this.pictures.place();
    const side = Math.max(4, Number(byId("brush-size").value) * zoom);
    Object.assign(this.cursor.style, {
      width: `${side}px`, height: `${side}px`,
      transform: `translate(${x + this.#at.x * zoom - side / 2}px, ${y + this.#at.y * zoom - side / 2}px)`,
    });
    this.cursor.classList.toggle("erase", this.#tool() === "erase");
  }

  // The viewer has moved or zoomed.
  moved() {
    if (this.on) this.#showCursor();
  }
}

function drawStroke(context, { points, radius, erase }) {
  context.save();
  context.globalCompositeOperation = erase ? "destination-out" : "source-over";
  Object.assign(context, { lineWidth: 2 * radius, lineCap: "round", lineJoin: "round" });
  context.beginPath();
  context.moveTo(...points[0]);
  for (const [x, y] of points) context.lineTo(x + 0.01, y); // a dot has a length as well, or nothing would be drawn
  context.stroke();
  context.restore();
}

// A canvas that is opaque where a mask is bright, and clear elsewhere.
function opaqueWhereWhite(image) {
  const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, image.width, image.height);
  const colour = /(\d+), (\d+), (\d+)/.exec(getComputedStyle(byId("mask")).color)?.slice(1).map(Number) ?? [255, 0, 80];
  for (let i = 0; i < pixels.data.length; i += 4) {
    const [red, green, blue, alpha] = pixels.data.subarray(i, i + 4);
    const lost = (0.299 * red + 0.587 * green + 0.114 * blue) * alpha >= 127.5 * 255;
    pixels.data.set([...colour, lost ? 255 : 0], i);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
