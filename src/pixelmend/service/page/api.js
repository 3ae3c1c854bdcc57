// Talks to the service: requests with progress, keys, waiting where it is full, and the events of a job.

const KEY = "pixelmend-key";
const ENDED = new Set(["done", "failed", "cancelled"]);

// What a request was refused with: `code` and `detail` are the server's, `retry` is in seconds.
export class Problem extends Error {
  constructor(status, told = {}, retry = null) {
    super(told.detail ?? told.title ?? "");
    Object.assign(this, { status, code: told.code ?? "", retry });
  }
}

const aborted = () => new DOMException("cancelled", "AbortError");
export const isAbort = (error) => error?.name === "AbortError";

function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(aborted());
    }, { once: true });
  });
}

// The key of this tab; `askForKey(wrong)` is set by the page, and gives one or null.
export const access = { askForKey: async () => null };
const authorization = () => {
  const key = sessionStorage.getItem(KEY);
  return key ? { Authorization: `Bearer ${key}` } : {};
};

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

// One request. XMLHttpRequest, since only it tells how much of a body has gone out. Gives { status, json | blob }.
function once(method, address, { body, signal, sent, kind = "json" } = {}) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(aborted());
      return;
    }
    const request = new XMLHttpRequest();
    request.open(method, address);
    request.responseType = "blob";
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    if (sent) request.upload.addEventListener("progress", (event) => sent(event.loaded / event.total));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.addEventListener("abort", () => reject(aborted()));
    request.addEventListener("error", () => reject(new Problem(0, { code: "offline" })));
    request.addEventListener("load", async () => {
      const blob = request.response ?? new Blob();
      const good = request.status >= 200 && request.status < 300;
      if (good && kind === "blob") resolve(blob);
      else if (good) resolve(parsed(await blob.text()));
      else {
        const retry = request.getResponseHeader("Retry-After");
        reject(new Problem(request.status, parsed(await blob.text()), retry === null ? null : Number(retry)));
      }
    });
    request.send(body ?? null);
  });
}

// A request that asks for a key where one is needed, and that waits and tries again where the server has no room;
// waiting(seconds) is told of each second that is left, and of 0.
export async function ask(method, address, { waiting = () => undefined, ...options } = {}) {
  for (;;) {
    try {
      return await once(method, address, options);
    } catch (error) {
      if (error.status === 401) {
        const key = await access.askForKey(sessionStorage.getItem(KEY) !== null);
        if (!key) throw error;
        sessionStorage.setItem(KEY, key);
      } else if ((error.status === 429 || error.status === 503) && error.retry !== null) {
        for (let left = Math.max(1, Math.ceil(error.retry)); left > 0; left -= 1) {
          waiting(left);
          await sleep(1, options.signal);
        }
        waiting(0);
      } else throw error;
    }
  }
}

// Each state of a job, as its stream of events tells it.
async function* events(address, signal) {
  const answer = await fetch(address, { headers: { Accept: "text/event-stream", ...authorization() }, signal, cache: "no-store" });
  if (!answer.ok || !answer.body) throw new Problem(answer.status);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text = (text + value).replaceAll("\r\n", "\n");
    const whole = text.split("\n\n");
    text = whole.pop();
    for (const event of whole) {
      const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
      if (data.length) yield JSON.parse(data.join("\n"));
    }
  }
}

// A job until it has ended: by its events; where they break off it is asked for itself, ever more seldom, and they are
// tried again. tell(job) hears of each state, and of null while the server cannot be reached.
export async function follow(job, { signal, tell }) {
  let pause = 0.5;
  let now = job;
  while (!ENDED.has(now.state)) {
    try {
      for await (const next of events(job.links.events, signal)) {
        now = next;
        pause = 0.5;
        tell(now);
      }
      if (ENDED.has(now.state)) break;
    } catch (error) {
      if (signal.aborted) throw aborted();
    }
    await sleep(pause, signal);
    pause = Math.min(2 * pause, 5);
    try {
      now = await once("GET", job.links.self, { signal });
      tell(now);
    } catch (error) {
      if (error.status !== 0) throw error;
      tell(null);
    }
  }
  return now;
}

// Forget a job, now and without waiting for it; it also works while the page is being closed.
export function forget(job) {
  fetch(job.links.self, { method: "DELETE", headers: authorization(), keepalive: true }).catch(() => undefined);
}
