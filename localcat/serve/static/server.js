// What the page asks the server that it came from.

import { by } from "./dom.js";

const running = new Map();   // of each kind of question the one that is on its way

/** The part of an address behind the question mark; values that are unset are left out. */
export function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return new URLSearchParams(given).toString();
}

/**
 * Ask, and return the answer as JSON, or as bytes; null if the same was asked again meanwhile, or it failed.
 * A failure is shown at the top of the page.
 */
export async function ask(name, parameters = {}, { as = "json", kind = name } = {}) {
  running.get(kind)?.abort();
  const mine = new AbortController();
  running.set(kind, mine);
  try {
    const answer = await fetch(`page/${name}?${query(parameters)}`, { signal: mine.signal });
    if (!answer.ok) throw new Error(await reasonOf(answer));
    const content = as === "bytes" ? await answer.arrayBuffer() : await answer.json();
    if (running.get(kind) !== mine) return null;
    show("");
    return content;
  } catch (error) {
    if (error.name === "AbortError" || running.get(kind) !== mine) return null;
    show(error instanceof TypeError ? "The server does not answer. Is localcat serve still running?" : error.message);
    return null;
  } finally {
    if (running.get(kind) === mine) running.delete(kind);
  }
}

/** Say at the top of the page what went wrong; nothing if the text is empty. */
export function show(text) {
  by("trouble").textContent = text;
  by("trouble").hidden = !text;
}

/** Save what is at an address as a file; an error says why it cannot be had. */
export async function save(address, name) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(await reasonOf(answer));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** What an answer that is an error says. */
export async function reasonOf(answer) {
  const content = await answer.text();
  try {
    const description = JSON.parse(content).description;
    return description.charAt(0).toUpperCase() + description.slice(1);
  } catch {
    return `The server answered ${answer.status}.`;
  }
}
