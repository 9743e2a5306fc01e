// Talking to this page's own server, and to the other tabs.

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** What every page shows: counts, errors, what undo takes back. Listeners hear each change. */
export let state = null;
const listeners = new Set();
const tabs = new BroadcastChannel("faceclust");

export function onState(listener) {
  listeners.add(listener);
}

/** Settles when what is shown has caught up with the newest state. */
export let caughtUp = Promise.resolve();

function take(fresh) {
  const changed = state !== null && state.stamp !== fresh.stamp;
  state = fresh;
  caughtUp = Promise.allSettled([...listeners].map((listener) => listener(changed)));
}

export async function refreshState() {
  take(await get("/api/state"));
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", redirect: "error", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    dispatchEvent(new CustomEvent("ended", { detail: options?.method === "POST" }));
    throw new Refused(0, "faceclust does not answer any more.");
  }
  dispatchEvent(new CustomEvent("alive"));
  const body = await response.json().catch(() => null);
  if (!response.ok || body === null) {
    if (response.status === 403) dispatchEvent(new CustomEvent("ended", { detail: false }));
    throw new Refused(response.status, body?.error ?? `The server said ${response.status}.`);
  }
  return body;
}

export function get(path, signal) {
  return ask(path, { signal });
}

/**
 * Give an answer. The key makes it count once, however often it is sent: it is sent again by
 * itself where the reply got lost. `people` carries what was shown of them, so that the server
 * can refuse an answer about somebody who has changed since.
 */
export async function answer(kind, { people = [], ...rest } = {}) {
  const body = JSON.stringify({
    key: crypto.randomUUID(), kind, people: people.map((each) => [each.id, each.mark]), ...rest,
  });
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body };
  let reply;
  try {
    reply = await ask("/api/answers", options);
  } catch (error) {
    if (error.status !== 0) throw error;
    reply = await ask("/api/answers", options);
  }
  take(reply.state);
  tabs.postMessage(reply.state.stamp);
  return reply;
}

tabs.addEventListener("message", ({ data }) => {
  if (data !== state?.stamp) refreshState().catch(() => {});
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refreshState().catch(() => {});
});
