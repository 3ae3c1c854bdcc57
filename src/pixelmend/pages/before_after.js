
"use strict";
// Two pictures in one place, the right one cut off at a border that moves; both are moved and enlarged together.
(() => {
  const byId = (id) => document.getElementById(id);
  const [stage, handle] = [byId("stage"), byId("handle")];
  const layers = [...stage.querySelectorAll(".layer")];
  const images = layers.map((layer) => layer.querySelector("img"));
  const names = images.map((image) => image.alt);
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const LARGEST = 32; // device pixels for one of the picture
  const view = { zoom: 1, x: 0, y: 0, border: 0.5, left: 0, right: 1 };
  const room = () => ({ width: stage.clientWidth, height: stage.clientHeight });
  const size = () => ({ width: images[0].naturalWidth, height: images[0].naturalHeight });
  const single = () => 1 / (window.devicePixelRatio || 1); // one pixel of the picture on one of the screen
  const fitting = () => Math.min(room().width / size().width, room().height / size().height, 8 * single());
  const larger = () => view.zoom > fitting() * 1.001;

  function draw() {
    const { width, height } = room();
    const wide = size().width * view.zoom;
    const high = size().height * view.zoom;
    view.x = wide <= width ? (width - wide) / 2 : clamp(view.x, width - wide, 0);
    view.y = high <= height ? (height - high) / 2 : clamp(view.y, height - high, 0);
    const border = view.border * width;
    layers.forEach((layer, index) => {
      layer.hidden = index !== view.left && index !== view.right;
      layer.style.zIndex = index === view.right ? 2 : 1;
      layer.style.clipPath = index === view.right ? `inset(0 0 0 ${border}px)` : `inset(0 ${width - border}px 0 0)`;
      if (view.left === view.right) layer.style.clipPath = "none";
      layer.classList.toggle("pixels", view.zoom >= single() * 1.5);
      images[index].style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`;
    });
    const percent = Math.round(view.border * 100);
    handle.style.left = `${border}px`;
    handle.style.zIndex = 4;
    handle.setAttribute("aria-valuenow", percent);
    handle.setAttribute("aria-valuetext", `${percent} % ${names[view.left]}, ${100 - percent} % ${names[view.right]}`);
    for (const side of ["left", "right"]) {
      const label = byId(`${side}-label`);
      label.textContent = names[view[side]];
      label.style.zIndex = 3;
    }
    stage.classList.toggle("large", larger());
    byId("zoom").textContent = `${Math.round((100 * view.zoom) / single())} %`;
  }

  // Enlarge so that what lies at a point of the stage stays there.
  function zoomTo(zoom, x = room().width / 2, y = room().height / 2) {
    const next = clamp(zoom, Math.min(fitting(), single()), LARGEST * single());
    view.x = x - ((x - view.x) * next) / view.zoom;
    view.y = y - ((y - view.y) * next) / view.zoom;
    view.zoom = next;
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
  const fingers = new Map(); // what is held down, by its id: where it is
  let onBorder = false;
  let borderBefore = view.border;

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, inStage(event));
    if (fingers.size === 1) {
      onBorder = event.target === handle || !larger();
      borderBefore = view.border;
      if (onBorder) moveBorder(inStage(event)[0] / room().width);
    } else if (onBorder) {
      moveBorder(borderBefore); // it was the first of two fingers, and no wish to move the border
    }
    stage.classList.toggle("held", !onBorder);
    (onBorder ? handle : stage).focus({ preventScroll: true });
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (before === undefined) return;
    const now = inStage(event);
    if (fingers.size === 2) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
      // what lay between the fingers stays between them
      view.x += (now[0] - before[0]) / 2;
      view.y += (now[1] - before[1]) / 2;
      if (apart(before) > 0) zoomTo((view.zoom * apart(now)) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (onBorder) {
      moveBorder(now[0] / room().width);
    } else {
      movePictures(now[0] - before[0], now[1] - before[1]);
    }
    fingers.set(event.pointerId, now);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => {
      fingers.delete(event.pointerId);
      if (fingers.size === 0) stage.classList.remove("held");
    });
  }
  stage.addEventListener("dblclick", (event) => (larger() ? zoomTo(fitting()) : zoomTo(Math.max(single(), 2 * fitting()), ...inStage(event))));
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page itself is moved
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
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (zooms[event.key]) zooms[event.key]();
    else if (event.target === handle && borders[event.key]) moveBorder(borders[event.key](event.shiftKey ? 0.1 : 0.01));
    else if (event.target === stage && moves[event.key]) movePictures(...moves[event.key]);
    else return;
    event.preventDefault();
  });

  byId("fit").addEventListener("click", zooms["0"]);
  byId("one").addEventListener("click", zooms["1"]);
  byId("in").addEventListener("click", zooms["+"]);
  byId("out").addEventListener("click", zooms["-"]);
  for (const side of ["left", "right"]) {
    byId(side)?.addEventListener("change", (event) => {
      view[side] = Number(event.target.value);
      draw();
    });
  }
  for (const button of document.querySelectorAll(".go")) {
    button.addEventListener("click", () => showPlace(Number(button.dataset.x), Number(button.dataset.y)));
  }

  Promise.all(images.map((image) => image.decode().catch(() => undefined))).then(() => {
    stage.classList.add("live");
    let fitted = true;
    view.zoom = fitting();
    draw();
    new ResizeObserver(() => {
      fitted = !larger() || view.zoom === fitting();
      if (fitted) view.zoom = fitting();
      draw();
    }).observe(stage);
  });
})();
