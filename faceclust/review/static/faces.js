// Pictures of faces: the small crop at once, a larger one in its place when there is time for it.

import { h } from "./dom.js";

const AT_ONCE = 2; // each is cut out of its photo by the server
const waiting = []; // the newest first: what came into sight last is what is looked at
const ready = new Set();
let loading = 0;
let pause;

/** An <img> of a face. `large`: worth a look at the photo itself; `now`: before all others. */
export function portrait(face, alternative, { large = false, now = false } = {}) {
  const better = `/faces/${face}/large.jpg`;
  const known = large && ready.has(face);
  const image = h("img", { src: known ? better : `/faces/${face}.jpg`, alt: alternative, draggable: "false" });
  if (large && !known) {
    waiting.push({ image, face, better });
    if (now) queueMicrotask(next); // by then the picture is in the page
    else {
      clearTimeout(pause);
      pause = setTimeout(next, 150); // not while scrolling fast
    }
  }
  return image;
}

/** Fetch larger pictures ahead of their being shown. */
export function prefetch(faces) {
  for (const face of faces) {
    if (!ready.has(face)) waiting.unshift({ image: null, face, better: `/faces/${face}/large.jpg` });
  }
  next();
}

function next() {
  while (loading < AT_ONCE && waiting.length) {
    const { image, face, better } = waiting.pop();
    if (image && !image.isConnected) continue;
    loading += 1;
    const done = () => {
      loading -= 1;
      next();
    };
    const fresh = new Image();
    fresh.addEventListener("load", () => {
      ready.add(face);
      if (image) image.src = better;
      done();
    });
    fresh.addEventListener("error", done); // the photo is gone; the small crop stays
    fresh.src = better;
  }
}
