// Pictures in one place, moved and enlarged together; of two, the right one is cut off at a border that moves.
// A module without imports: pages that hold everything in themselves inline it before what uses it.

const LARGEST = 32; // device pixels for one of the picture
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// What stands in a page's #stage, each picture in a .layer of its own, with the buttons around it.
//
// It returns what a page may do: open({ width, height, left, right }) once its pictures are there, choose(left, right) of the layers, fit, showPlace,
// and a `tool` ({ down, move, up, cancel, key }, places in pixels of the picture) that takes what one finger or the mouse does.
export function viewer(page = document) {
  const find = (id) => page.querySelector(`#${id}`);
  const [stage, handle] = [find("stage"), find("handle")];
  const layers = [...stage.querySelectorAll(".layer")];
  const names = () => layers.map((layer) => layer.querySelector("img").alt);
  const view = { zoom: 1, x: 0, y: 0, border: 0.5, left: 0, right: 1, fitted: true, wide: 1, high: 1 };
  const self = { tool: null, drawn: () => undefined };
  const room = () => ({ width: stage.clientWidth, height: stage.clientHeight });
  const single = () => 1 / (window.devicePixelRatio || 1); // one pixel of the picture on one of the screen
  const fitting = () => Math.min(room().width / view.wide, room().height / view.high, 8 * single());
  const larger = () => view.zoom > fitting() * 1.001;

  function draw() {
    const { width, height } = room();
    const wide = view.wide * view.zoom;
    const high = view.high * view.zoom;
    view.x = wide <= width ? (width - wide) / 2 : clamp(view.x, width - wide, 0);
    view.y = high <= height ? (height - high) / 2 : clamp(view.y, height - high, 0);
    const border = view.border * width;
    layers.forEach((layer, index) => {
      layer.hidden = index !== view.left && index !== view.right;
      layer.style.zIndex = index === view.right ? 2 : 1;
      layer.style.clipPath = index === view.right ? `inset(0 0 0 ${border}px)` : `inset(0 ${width - border}px 0 0)`;
      if (view.left === view.right) layer.style.clipPath = "none";
      layer.classList.toggle("pixels", view.zoom >= single() * 1.5);
      for (const each of layer.children) {
        each.style.width = `${view.wide}px`; // a smaller one lies on the larger one, place for place
        each.style.height = `${view.high}px`;
        each.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`;
      }
    });
    drawBorder(border);
    stage.classList.toggle("large", larger());
    find("zoom").textContent = `${Math.round((100 * view.zoom) / single())} %`;
    self.drawn();
  }

  function drawBorder(border) {
    const percent = Math.round(view.border * 100);
    const alone = view.left === view.right;
    handle.hidden = alone;
    handle.style.left = `${border}px`;
    handle.style.zIndex = 4;
    handle.setAttribute("aria-valuenow", percent);
    handle.setAttribute("aria-valuetext", `${percent} % ${names()[view.left]}, ${100 - percent} % ${names()[view.right]}`);
    for (const side of ["left", "right"]) {
      const label = find(`${side}-label`);
      label.hidden = alone && layers.length === 2; // nothing to tell apart
      label.textContent = names()[view[side]];
      label.style.zIndex = 3;
    }
  }

  // Enlarge so that what lies at a point of the stage stays there.
  function zoomTo(zoom, x = room().width / 2, y = room().height / 2) {
    const next = clamp(zoom, Math.min(fitting(), single()), LARGEST * single());
    view.x = x - ((x - view.x) * next) / view.zoom;
    view.y = y - ((y - view.y) * next) / view.zoom;
    view.zoom = next;
    view.fitted = next === fitting();
    draw();
  }

  function moveBorder(fraction) {
    view.border = clamp(fraction, 0, 1);
    draw();
  }

  function movePictures(x, y) {
    view.x += x;
    view.y += y;
    draw();
  }

  function showPlace(x, y) {
    view.zoom = Math.max(2 * single(), fitting());
    view.fitted = false;
    view.x = room().width / 2 - x * view.zoom;
    view.y = room().height / 2 - y * view.zoom;
    view.border = 0.5;
    draw();
    stage.scrollIntoView({ block: "nearest" });
    handle.focus({ preventScroll: true });
  }

  const inStage = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left - stage.clientLeft, event.clientY - box.top - stage.clientTop];
  };
  const inPicture = ([x, y]) => [(x - view.x) / view.zoom, (y - view.y) / view.zoom];
  const fingers = new Map(); // what is held down, by its id: where it is
  let held = ""; // by the first finger: "border", "pictures" or "tool"
  let borderBefore = view.border;

  function press(event, place) {
    const middle = event.button === 1;
    if (self.tool && !middle) held = "tool";
    else held = !middle && (event.target === handle || !larger()) ? "border" : "pictures";
    borderBefore = view.border;
    if (held === "tool") self.tool.down(inPicture(place));
    if (held === "border") moveBorder(place[0] / room().width);
  }

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 && event.button !== 1) return;
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, inStage(event));
    if (fingers.size === 1) press(event, inStage(event));
    else {
      // it was the first of two fingers, and no wish to move the border or to use the tool
      if (held === "border") moveBorder(borderBefore);
      if (held === "tool") self.tool?.cancel();
      held = "pictures";
    }
    stage.classList.toggle("held", held === "pictures");
    (held === "border" && !handle.hidden ? handle : stage).focus({ preventScroll: true });
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    const now = inStage(event);
    if (before === undefined) {
      self.tool?.hover?.(inPicture(now));
      return;
    }
    if (fingers.size === 2) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
      // what lay between the fingers stays between them
      view.x += (now[0] - before[0]) / 2;
      view.y += (now[1] - before[1]) / 2;
      if (apart(before) > 0) zoomTo((view.zoom * apart(now)) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (held === "tool") {
      // all places that the pen passed since the last event, so that quick strokes stay round
      const passed = event.getCoalescedEvents?.() ?? [];
      for (const each of passed.length ? passed : [event]) self.tool?.move(inPicture(inStage(each)));
    } else if (held === "border") {
      moveBorder(now[0] / room().width);
    } else {
      movePictures(now[0] - before[0], now[1] - before[1]);
    }
    fingers.set(event.pointerId, now);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => {
      if (!fingers.delete(event.pointerId) || fingers.size > 0) return;
      if (held === "tool") self.tool?.[end === "pointerup" ? "up" : "cancel"]();
      stage.classList.remove("held");
    });
  }
  stage.addEventListener("pointerleave", () => self.tool?.hover?.(null));
  stage.addEventListener("dblclick", (event) => {
    if (self.tool) return;
    if (larger()) zoomTo(fitting());
    else zoomTo(Math.max(single(), 2 * fitting()), ...inStage(event));
  });
  stage.addEventListener("wheel", (event) => {
    const scrolls = document.documentElement.scrollHeight > window.innerHeight + 1;
    if (scrolls && !event.ctrlKey && !event.metaKey) return; // the page itself is moved
    event.preventDefault();
    zoomTo(view.zoom * Math.exp(-clamp(event.deltaY, -100, 100) / 200), ...inStage(event));
  }, { passive: false });

  const zooms = {
    "0": () => zoomTo(fitting()),
    "1": () => zoomTo(single()),
    "+": () => zoomTo(view.zoom * 1.5),
    "=": () => zoomTo(view.zoom * 1.5),
    "-": () => zoomTo(view.zoom / 1.5),
  };
  const borders = {
    ArrowLeft: (step) => view.border - step,
    ArrowDown: (step) => view.border - step,
    ArrowRight: (step) => view.border + step,
    ArrowUp: (step) => view.border + step,
    PageDown: () => view.border - 0.1,
    PageUp: () => view.border + 0.1,
    Home: () => 0,
    End: () => 1,
  };
  const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  stage.addEventListener("keydown", (event) => {
    if (event.target === stage && self.tool?.key?.(event)) event.preventDefault();
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (zooms[event.key]) zooms[event.key]();
    else if (event.target === handle && borders[event.key]) moveBorder(borders[event.key](event.shiftKey ? 0.1 : 0.01));
    else if (event.target === stage && moves[event.key]) movePictures(...moves[event.key]);
    else return;
    event.preventDefault();
  });

  find("fit").addEventListener("click", zooms["0"]);
  find("one").addEventListener("click", zooms["1"]);
  find("in").addEventListener("click", zooms["+"]);
  find("out").addEventListener("click", zooms["-"]);
  new ResizeObserver(() => {
    if (!stage.classList.contains("live")) return;
    if (view.fitted) view.zoom = fitting();
    draw();
  }).observe(stage);

  return Object.assign(self, {
    open({ width, height, left = 0, right = 1 }) {
      Object.assign(view, { wide: width, high: height, left, right, border: 0.5, fitted: true });
      stage.classList.add("live");
      view.zoom = fitting();
      draw();
    },
    choose(left, right) {
      Object.assign(view, { left, right });
      draw();
    },
    // Bring a place of the picture into sight, should it not be.
    reveal(x, y) {
      const { width, height } = room();
      view.x -= Math.min(view.x + x * view.zoom - 40, 0) + Math.max(view.x + x * view.zoom - width + 40, 0);
      view.y -= Math.min(view.y + y * view.zoom - 40, 0) + Math.max(view.y + y * view.zoom - height + 40, 0);
      draw();
    },
    place: () => ({ x: view.x, y: view.y, zoom: view.zoom }),
    showPlace,
  });
}
