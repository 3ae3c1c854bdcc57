// How pictures come in: chosen, dropped, pasted, taken, or one of the examples.

import { ask } from "./api.js";

const byId = (id) => document.getElementById(id);

// take(file, example) gets a File, and for an example what is known of it; refuse(words) says why nothing came.
export function listen({ take, refuse }) {
  const first = (files) => {
    if (files.length) take(files[0]);
  };
  for (const id of ["file", "camera"]) {
    byId(id).addEventListener("change", (event) => {
      first(event.target.files);
      event.target.value = ""; // the same one can be chosen again
    });
  }
  byId("choose").addEventListener("click", choose);
  byId("take").addEventListener("click", () => byId("camera").click());
  byId("take").hidden = !matchMedia("(pointer: coarse)").matches; // elsewhere it would only open the same dialog

  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    byId("over").hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) byId("over").hidden = true;
  });
  addEventListener("drop", (event) => {
    byId("over").hidden = true;
    if (!holdsFiles(event)) return;
    event.preventDefault();
    if (event.dataTransfer.files.length) first(event.dataTransfer.files);
    else refuse("What you dropped holds no file.");
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) {
      event.preventDefault();
      first(files);
    }
  });
}

export const choose = () => byId("file").click();

// Shows the examples, and takes one where it is chosen.
export async function offerExamples(take) {
  const examples = await ask("GET", "/v1/examples");
  byId("examples").replaceChildren(...examples.map((example) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "example" });
    const image = Object.assign(new Image(), { alt: "", width: 160, height: 160, src: address(example.name) });
    button.append(image, Object.assign(document.createElement("span"), { textContent: example.title }));
    button.addEventListener("click", async () => {
      const [picture, mask] = await Promise.all([example.name, example.mask].map((name) => name && fetched(name)));
      take(new File([picture], example.name, { type: picture.type }), { ...example, mask });
    });
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
}

const address = (name) => `/examples/${encodeURIComponent(name)}`;
const fetched = (name) => ask("GET", address(name), { kind: "blob" });
