// What can be done to people, from wherever: ask, answer, tell, offer to undo.

import { answer, caughtUp, refreshState, state } from "./api.js";
import { askDate, askName } from "./dialog.js";
import { label } from "./dom.js";
import { toast } from "./toast.js";

let busy = false;

/**
 * Give an answer and tell what came of it; the reply, or null where it was refused. Where `fields`
 * is a function, it is asked once the page shows what the answer before changed: keys may be
 * quicker than the page.
 */
export async function act(kind, fields) {
  if (busy) return null; // a double click is one click
  busy = true;
  try {
    if (typeof fields === "function") {
      await caughtUp;
      fields = fields();
    }
    const reply = await answer(typeof kind === "function" ? kind() : kind, fields);
    toast(reply.done, kind === "undo" ? {} : { action: "Undo", act: undo });
    return reply;
  } catch (error) {
    toast(error.message, { bad: true });
    if (error.status === 409) await refreshState().catch(() => {});
    return null;
  } finally {
    busy = false;
  }
}

export function undo() {
  if (!state?.undo) return toast("There is nothing to take back.");
  return act("undo", () => ({ expected: state.undo?.id ?? 0 }));
}

export async function rename(person, faces) {
  const given = await askName({
    title: person.name ? "Rename" : "Who is this?", faces, start: person.name ?? "", button: "Save", not: person,
  });
  return given && act("name", { people: [person], name: given.name });
}

export async function mergeWith(person, faces) {
  const given = await askName({
    title: `Merge ${label(person)} with…`, hint: "The two become one person; undo parts them again.",
    faces, button: "Merge", existing: true, not: person,
  });
  return given && act("merge", { people: [given.person, person] });
}

export async function birth(person, faces) {
  const born = await askDate({ title: `When was ${label(person)} born?`, faces, start: person.birth ?? "" });
  return born !== null && act("birth", { people: [person], name: born });
}

export const merge = (people) => act("merge", { people });
export const away = (person) => person.hidden || person.ignored;
/** "hide": in no list, exported still; "ignore": a stranger, not even exported. */
export function setAside(kind, people) {
  return act(() => (people().every(away) ? "show" : kind), () => ({ people: people() }));
}
