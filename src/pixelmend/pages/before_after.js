
// The page of one comparison: what stands in it is looked at with the viewer, which stands above in the same script.
const images = [...document.querySelectorAll("#stage .layer img")];
const pictures = viewer();
for (const side of ["left", "right"]) {
  document.getElementById(side)?.addEventListener("change", () => {
    pictures.choose(...["left", "right"].map((each) => Number(document.getElementById(each).value)));
  });
}
for (const button of document.querySelectorAll(".go")) {
  button.addEventListener("click", () => pictures.showPlace(Number(button.dataset.x), Number(button.dataset.y)));
}
Promise.all(images.map((image) => image.decode().catch(() => undefined))).then(() => {
  pictures.open({ width: images[0].naturalWidth, height: images[0].naturalHeight });
});
