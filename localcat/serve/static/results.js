// The list of images, the newest first; where nothing is found, why.

import { by, element, grouped, images, percent, shortTime } from "./dom.js";
import { ask } from "./server.js";
import { choose, state } from "./state.js";

export class Results {
  constructor() {
    this._asked = {};
    this._at = null;
    by("more").addEventListener("click", () => this._more());
    by("leave").addEventListener("click", () => this.list(this._asked));
  }

  /** List what filters find; with `at`, a box of [west, south, east, north], what of it meets that. */
  async list(filters, at = null) {
    this._asked = filters;
    this._at = at;
    const found = await ask("images", { ...filters, at: at?.join(",") });
    if (found === null) return null;
    by("results-title").textContent = at ? "Images at this place" : "Images";
    by("leave").hidden = !at;
    by("list").replaceChildren(...found.images.map(image => this._item(image)));
    by("list").hidden = !found.images.length;
    by("more").hidden = !found.more;
    by("nothing").hidden = true;
    if (!found.images.length && at) this._say("No image at this place.");
    this.mark(state().image);
    return found.images;
  }

  /** Say why nothing is found. */
  async explain(filters) {
    by("list").replaceChildren();
    by("list").hidden = by("more").hidden = true;
    const told = await ask("explanation", filters);
    if (told === null) return;
    if (!told.steps[0].left) {
      this._say("This catalog has no images yet.", element("p", {}, "Take some in: ", element("code", {}, "localcat ingest FOLDER")));
      return;
    }
    const rows = told.steps.map(({ condition, left, unset, is_last: isLast }) =>
      element("tr", { className: isLast ? "lost" : "" },
        element("td", { className: "number" }, grouped(left)),
        element("td", {}, element("code", {}, condition), unset ? element("small", {}, `${grouped(unset)} without a value for it`) : null)));
    const near = told.near.map(({ id, told: text }) => {
      const button = element("button", { type: "button", className: "link" }, text);
      button.addEventListener("click", () => choose({ image: id, bands: [], stretch: "" }));
      return element("li", {}, button);
    });
    this._say("No image fits. Why nothing?",
      element("table", {},
        element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "left"), element("th", { scope: "col" }, "after the condition"))),
        element("tbody", {}, ...rows)),
      ...(told.hints.length ? [element("h3", {}, "Perhaps you mean"), element("ul", {}, ...told.hints.map(hint => element("li", {}, hint)))] : []),
      ...(near.length ? [element("h3", {}, "Just missed"), element("ul", {}, ...near)] : []));
  }

  /** Mark the image that is shown. */
  mark(id) {
    for (const button of by("list").querySelectorAll("button")) {
      if (button.value === id) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  /** Put the focus on an image of the list, or on its title. */
  focus(id) {
    const button = [...by("list").querySelectorAll("button")].find(one => one.value === id);
    (button ?? by("results")).focus();
  }

  async _more() {
    const before = by("list").children.length;
    const found = await ask("images", { ...this._asked, at: this._at?.join(","), skip: before }, { kind: "more" });
    if (found === null) return;
    const items = found.images.map(image => this._item(image));
    by("list").append(...items);
    by("more").hidden = !found.more;
    items[0]?.firstChild.focus();
  }

  _item({ id, name, product, acquired, cloud }) {
    const told = [shortTime(acquired), cloud === null ? null : `${percent(cloud)} cloud`].filter(Boolean).join(" · ");
    const button = element("button", { type: "button", value: id },
      element("strong", {}, name), element("small", {}, told), element("small", {}, product));
    button.addEventListener("click", () => choose({ image: id, bands: [], stretch: "" }));
    return element("li", {}, button);
  }

  _say(title, ...more) {
    by("list").hidden = true;
    by("nothing").hidden = false;
    by("nothing").replaceChildren(element("p", { className: "title" }, title), ...more);
  }
}

/** How many images are found, in words. */
export const foundOf = (found, total) => (found === total ? images(total) : `${grouped(found)} of ${images(total)}`);
