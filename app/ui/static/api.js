// Talking to /api/v1. Every failure becomes an ApiError whose message is a sentence for people.

const BASE = new URL("../api/v1/", import.meta.url);

/** `status` is 0 where the server could not be reached at all. */
export class ApiError extends Error {
  constructor(message, status, code = "", body = null) {
    super(message);
    Object.assign(this, { status, code, body });
  }
  /** Whether trying the same again later can help. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** The address of a route, for links and downloads. */
export const url = (path) => new URL(path, BASE).href;

async function call(path, init = {}) {
  let response;
  try {
    response = await fetch(url(path), { credentials: "same-origin", ...init });
  } catch (cause) {
    if (cause.name === "AbortError") throw cause;
    throw new ApiError("The server does not answer. Is it still running?", 0, "unreachable");
  }
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  const said = body?.error?.message;
  throw new ApiError(said || `The server answered ${response.status} and did not say why.`, response.status, body?.error?.code, body);
}

const WRITE = { "X-Requested-With": "reasonrank" };

/** GET, parsed. */
export const get = (path, init) => call(path, init);

/** POST of a JSON value, parsed. */
export const post = (path, value, init) =>
  call(path, { method: "POST", headers: { ...WRITE, "Content-Type": "application/json" }, body: JSON.stringify(value ?? {}), ...init });

/** POST of a form with a file, parsed. */
export const upload = (path, fields) => {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return call(path, { method: "POST", headers: WRITE, body });
};

/** A fresh key for a write that may be sent twice. `randomUUID` exists only on secure origins, so there is a second way. */
export function key() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 15) | 64;
  b[8] = (b[8] & 63) | 128;
  const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
