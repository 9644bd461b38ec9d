// A dialog with a search, or the reading of an image, as Python and as a command, to be copied.

import { by } from "./dom.js";

/** Show a dialog with both. */
export function showSnippets(title, { python, shell }) {
  by("snippets-title").textContent = title;
  by("python").textContent = python;
  by("shell").textContent = shell;
  by("copied").textContent = "";
  by("snippets").showModal();
}

/** Let the buttons of the dialog copy. */
export function listenToSnippets() {
  for (const kind of ["python", "shell"]) by(`copy-${kind}`).addEventListener("click", () => copy(by(kind)));
}

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    by("copied").textContent = "Copied.";
  } catch {   // a browser gives the clipboard to addresses of this machine alone
    getSelection().selectAllChildren(source);
    by("copied").textContent = "It is selected; copy it with the keyboard.";
  }
}
