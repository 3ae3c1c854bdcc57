// All that the page says of tasks, findings, results and errors, in plain words.

export const TASKS = {
  auto: ["Let Pixelmend decide", "It looks at the picture, and does what helps most."],
  denoise: ["Remove noise", "For grain and speckles that are the same everywhere."],
  photo: ["Clean up a photo", "For noise, blur and compression together, as telephones and messengers leave them."],
  dejpeg: ["Smooth JPEG blocks", "For blocks and ringing around edges, from saving too small."],
  deblur: ["Undo shake", "For a camera, or something in the picture, that moved."],
  "super-resolve": ["Enlarge", "For a clean picture that has too few pixels."],
  "super-resolve-real": ["Enlarge a worn one", "For a small picture that is noisy or compressed as well; four times as wide."],
  inpaint: ["Remove scratches", "For scratches, dust, writing: paint over what should go. Nothing else is touched."],
};
export const ORDER = Object.keys(TASKS);
export const taskTitle = (name) => TASKS[name]?.[0] ?? name;
export const taskWords = (name) => TASKS[name]?.[1] ?? "";
const DID = {
  denoise: "Noise removed", photo: "Photo cleaned up", dejpeg: "JPEG blocks smoothed", deblur: "Shake undone",
  "super-resolve": "Enlarged", inpaint: "Filled in",
};
const FORMATS = { jpeg: "JPEG", png: "PNG", tiff: "TIFF", webp: "WebP", avif: "AVIF", heic: "HEIC", gif: "GIF", bmp: "BMP" };
export const formatName = (name) => FORMATS[name] ?? name.toUpperCase();

export function bytesWords(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1000))} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function secondsWords(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return `${Math.round(seconds / 60)} minutes`;
}

const level = (sigma) => (sigma < 6 ? "faint" : sigma < 15 ? "mild" : sigma < 30 ? "clear" : "strong");

// What is wrong: [a heading, a sentence], by what matters most.
const MAIN = {
  noise: ({ noise }) => ["It is noisy", `There is ${level(noise.sigma)} noise all over it, of level ${Math.round(noise.sigma)} of 255.`],
  "camera noise": ({ noise }) => ["It is noisy", `There is ${level(noise.sigma)} noise in it, as cameras leave it where light is short.`],
  jpeg: ({ jpeg }) => [
    "It was saved too small",
    `JPEG blocks show${jpeg.quality ? `: it was saved with quality ${jpeg.quality} of 100` : ""}.`,
  ],
  blur: ({ blur }) => {
    const far = blur.extent ? `, over about ${Math.round(blur.extent)} pixels` : "";
    if (blur.kind === "focus") return ["It is out of focus", `It is unsharp${far}. Undoing shake helps a little with that.`];
    return ["It is shaken", `The camera, or something in the picture, moved${far}.`];
  },
  enlarged: ({ resolution }) => [
    "It was enlarged before",
    `It holds no more detail than one ${resolution.factor.toFixed(1)} times smaller; that can be done better.`,
  ],
  several: () => ["Several things are wrong", "There are noise, blur and compression together, as in pictures that went round."],
  dark: ({ noise }) => [
    "It is dark",
    noise.confidence > 0.5 && noise.sigma >= 3
      ? "It is noisy as well. Without the noise it can be made brighter in any editor."
      : "There is little noise in it: make it brighter in any editor.",
  ],
  "lost pixels": ({ lost }) => [
    "Some pixels are lost",
    `${(100 * lost.share).toPrecision(2)} % of them are stuck at black or white. Paint over them to have them filled in.`,
  ],
  nothing: ({ judged, resolution }) => {
    if (!judged) return ["It is too small to tell", "Below 32 pixels a side nothing can be told for sure."];
    if (resolution.small) return ["It looks fine, but it is small", "Nothing else is wrong with it. It can be enlarged."];
    return ["Nothing is clearly wrong", "If you see something, choose what to do below."];
  },
};
export const findingWords = (diagnosis) => (MAIN[diagnosis.main] ?? MAIN.nothing)(diagnosis);

// Whether there is anything to be mended, and the task that follows from it.
export const helps = ({ diagnosis, advice }) => advice.task !== null || advisedTask({ diagnosis, advice }) !== "auto";
export function advisedTask({ diagnosis, advice }) {
  if (advice.task !== null) return advice.scale === null ? advice.task : "auto";
  if (diagnosis.main === "lost pixels") return "inpaint";
  return diagnosis.main === "nothing" && diagnosis.judged && diagnosis.resolution.small ? "super-resolve" : "auto";
}

const LOOKED = { noise: "Noise", jpeg: "JPEG", blur: "Blur", detail: "Detail", light: "Light", lost: "Lost pixels" };
export const lookedAt = (name) => LOOKED[name] ?? name;

// What was done: [a heading, a sentence].
export function resultWords(report, seconds, bytes) {
  const facts = [`${seconds.toFixed(1)} s`, bytesWords(bytes)];
  if (report.model === "none") {
    const why = report.advice.replace("left as it is: ", "").split(";")[0];
    return ["Left as it is", `${sentence(why)} Choose what to do below, if you see something.`];
  }
  const known = Object.keys(DID).sort((a, b) => b.length - a.length);
  const task = known.find((each) => report.model.startsWith(each));
  if (report.sigma !== null) facts.unshift(`noise level ${Math.round(report.sigma)} of 255`);
  if (report.lost !== null) facts.unshift(`${(100 * report.lost).toPrecision(2)} % of the pixels`);
  if (report.output_width !== report.width) facts.unshift(`${report.output_width} × ${report.output_height} pixels`);
  return [DID[task] ?? "Restored", sentence(facts.join(", "))];
}

function sentence(text) {
  const whole = text.trim();
  return `${whole.charAt(0).toUpperCase()}${whole.slice(1)}${whole.endsWith(".") ? "" : "."}`;
}

// An error: what happened, and what to do.
export function problemWords(problem, limits = {}) {
  const most = [
    limits.max_bytes ? `${Math.floor(limits.max_bytes / 2 ** 20)} MB` : "",
    limits.max_megapixels ? `${limits.max_megapixels} megapixels` : "",
  ].filter(Boolean).join(" and ");
  const known = {
    offline: "The server cannot be reached. See whether it is running, and try again.",
    unreadable: "This file cannot be read as a picture: it is damaged, or something else.",
    "unsupported-format": "This kind of file is not read here. Try JPEG, PNG, WebP, TIFF, AVIF or HEIC.",
    "too-large": `This picture is too large for this server${most ? `, which takes up to ${most}` : ""}. Make it smaller, or enlarge it less.`,
    "too-long": "This took too long, and was stopped. Try a smaller picture.",
    "too-much-memory": "This needed too much memory, and was stopped. Try a smaller picture.",
    "worker-died": "Something broke while this picture was worked on, twice. Try another one.",
    model: "This server's installation is damaged: tell its owner.",
    gone: "The result is no longer there. Restore it again.",
  };
  if (problem.status === 413 && !known[problem.code]) return known["too-large"];
  if (problem.status === 401) return "This server asks for a key. Without one nothing can be done here.";
  if (problem.status === 404) return "The server has forgotten this picture. Restore it again.";
  if (problem.status === 503) return "The server is being stopped. Try again in a while.";
  return known[problem.code] ?? (problem.message ? sentence(problem.message) : "Something went wrong. Try again.");
}
