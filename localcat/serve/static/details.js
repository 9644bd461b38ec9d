// One image: its picture with the bands and the stretch that are chosen, its attributes and files, and how to get it.

import { by, bytes, element, grouped, percent, shortTime } from "./dom.js";
import { ask, query, reasonOf, save } from "./server.js";
import { showSnippets } from "./snippets.js";
import { choose, state } from "./state.js";

const SIZE = 640;   // pixels of the longer side of the picture
const SMALL = 320;  // pixels; smaller pictures are shown larger, with their pixels to be seen
const COLORS = ["Red", "Green", "Blue"];
const STRETCHES = [["", "as the product is shown"], ["data", "the range of the data"], ["own", "a range of your own"]];

export class Details {
  /** `map` shows the footprint, and the pixels if that is asked for; `onLeave` is called when the image is left. */
  constructor(map, onLeave) {
    this._map = map;
    this._onLeave = onLeave;
    this._image = null;
    this._isOnMap = false;
  }

  /** The id of the image that is shown, or "". */
  get id() { return this._image?.id ?? ""; }

  /** Show what is chosen; return whether another image is shown than before. */
  async show({ image: id }) {
    if (!id) { this._leave(); return false; }
    const isOther = id !== this.id;
    if (isOther) {
      const image = await ask("image", { id });
      if (image === null) { if (!this._image) this._leave(); return false; }
      this._image = image;
      this._map.mark(image.geometry);
      this._build(image);
    }
    this._update();
    return isOther;
  }

  /** Adapt what depends on the view of the map and the filters. */
  moved() { if (this._image) this._updateCut(); }

  _leave() {
    if (this._image) this._map.mark(null);
    this._map.pixels(null);
    this._image = null;
    by("details").hidden = true;
    by("listing").hidden = false;
  }

  _build(image) {
    const back = element("button", { type: "button", className: "link back" }, "← All images");
    back.addEventListener("click", () => this._onLeave(image.id));
    const zoom = element("button", { type: "button", hidden: !image.bounds }, "Go there");
    zoom.addEventListener("click", () => this._map.fit(image.bounds));
    const copy = element("button", { type: "button", aria: { haspopup: "dialog" } }, "Copy as code");
    copy.addEventListener("click", () => this._copy());
    const told = [shortTime(image.acquired), image.cloud === null ? null : `${percent(image.cloud)} cloud`].filter(Boolean).join(" · ");
    by("details").replaceChildren(
      back,
      element("h2", { id: "details-title", tabIndex: -1 }, image.name),
      element("p", { className: "soft" }, told, element("br"), image.product),
      ...this._pictureParts(image),
      element("div", { className: "buttons" }, zoom, copy),
      ...this._cutParts(image),
      ...this._table("Attributes", image.attributes),
      ...this._table("Extra properties", image.extra),
      element("h3", {}, image.files_in_all === 1 ? "1 file" : `${grouped(image.files_in_all)} files`),
      element("ul", { className: "files" }, ...image.files.map(file => this._file(file))));
    by("details").hidden = false;
    by("listing").hidden = true;
  }

  _table(title, pairs) {
    if (!pairs.length) return [];
    return [
      element("h3", {}, title),
      element("dl", {}, ...pairs.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)])),
    ];
  }

  _pictureParts(image) {
    this._picture = null;
    if (!image.here) return [element("p", { className: "note" }, "Its pixels are not here, so there is no picture.")];
    if (!image.shown.length) return [element("p", { className: "note" }, "Its product has no bands to show.")];
    this._note = element("p", { className: "note", hidden: true, role: "status" });
    this._picture = element("img", { className: "picture" });
    this._picture.addEventListener("load", () => {
      this._note.hidden = true;
      this._picture.hidden = false;
      this._picture.classList.toggle("small", this._picture.naturalWidth < SMALL);
    });
    this._picture.addEventListener("error", () => this._tellFailure());
    this._count = this._select("Show", [["3", "three bands"], ["1", "one band"]], value => this._chooseBands(Number(value)));
    this._bands = COLORS.map((color, at) => this._select(color, image.bands.map(({ name, told }) => [name, `${name}: ${told}`]),
      value => this._chooseBand(at, value)));
    this._stretch = this._select("Stretch", STRETCHES, value => this._chooseStretch(value));
    this._range = ["From", "to"].map(word => element("input", { type: "number", step: "any", aria: { label: `${word} value` } }));
    for (const input of this._range) input.addEventListener("change", () => this._chooseRange());
    this._ranges = element("div", { className: "range" }, this._range[0], " to ", this._range[1]);
    this._onMap = element("input", { type: "checkbox", checked: this._isOnMap });
    this._onMap.addEventListener("change", () => { this._isOnMap = this._onMap.checked; this._update(); });
    return [
      this._picture, this._note,
      element("div", { className: "bands" }, this._count.row, ...this._bands.map(({ row }) => row), this._stretch.row, this._ranges),
      element("label", { className: "check" }, this._onMap, " show it on the map"),
    ];
  }

  _cutParts(image) {
    this._cut = null;
    if (!image.here || !image.shown.length) return [];
    this._where = this._select("Part", [["view", "what the map shows"], ["box", "the box of the filter"], ["all", "all of it"]], () => this._updateCut());
    this._cut = element("button", { type: "button" }, "Download GeoTIFF");
    this._cut.addEventListener("click", () => this._download());
    this._cutTold = element("p", { className: "soft", role: "status" });
    return [element("div", { className: "cut" }, this._where.row, this._cut, this._cutTold)];
  }

  _select(text, options, onChoice) {
    const id = `choice-${text.toLowerCase()}`;
    const select = element("select", { id }, ...options.map(([value, shown]) => element("option", { value }, shown)));
    select.addEventListener("change", () => onChoice(select.value));
    return { select, row: element("div", { className: "choice" }, element("label", { htmlFor: id }, text), select) };
  }

  /** The bands that are shown: those that are chosen, if the image has them, else its own choice. */
  _chosen() {
    const { bands } = state(), names = this._image.bands.map(({ name }) => name);
    return (bands.length === 1 || bands.length === 3) && bands.every(band => names.includes(band)) ? bands : this._image.shown;
  }

  _chooseBands(count) {
    const chosen = this._chosen(), names = this._image.bands.map(({ name }) => name);
    const more = count === 3 ? [...chosen, ...names.filter(name => !chosen.includes(name)), ...chosen, ...chosen] : chosen;
    choose({ bands: more.slice(0, count) }, { isStep: false });
  }

  _chooseBand(at, value) {
    const bands = [...this._chosen()];
    bands[at] = value;
    choose({ bands }, { isStep: false });
  }

  /** The data ranges of the bands that are shown, as the server reads them; "" if one is not known. */
  _dataRanges() {
    const ranges = this._chosen().map(name => this._image.bands.find(band => band.name === name)?.range);
    return ranges.every(Boolean) ? ranges.map(range => range.join(",")).join(";") : "";
  }

  _chooseStretch(value) {
    const first = this._dataRanges().split(";")[0] || "0,1";
    choose({ stretch: { "": "", data: this._dataRanges(), own: first }[value] }, { isStep: false });
    this._stretch.select.value = value;
    this._ranges.hidden = value !== "own";
  }

  _chooseRange() {
    const [least, most] = this._range.map(input => input.valueAsNumber);
    if (least < most) choose({ stretch: `${least},${most}` }, { isStep: false });
  }

  _update() {
    const image = this._image;
    if (this._picture) {
      const bands = this._chosen(), { stretch } = state();
      const asked = { bands: bands.join(","), range: stretch || null };
      this._count.select.value = String(bands.length);
      this._bands.forEach(({ row, select }, at) => {
        row.hidden = at >= bands.length;
        row.firstChild.textContent = bands.length === 1 ? "Band" : COLORS[at];
        select.value = bands[at] ?? "";
      });
      const isOwn = stretch !== "" && stretch !== this._dataRanges();
      this._stretch.select.value = isOwn ? "own" : stretch && "data";
      this._ranges.hidden = !isOwn;
      if (isOwn) this._range.forEach((input, at) => { input.value = stretch.split(/[,;]/)[at] ?? ""; });
      const address = `${image.links.picture}?${query({ ...asked, size: SIZE })}`;
      if (this._picture.getAttribute("src") !== address) this._picture.src = address;
      this._picture.alt = `Picture of ${image.name}, ${bands.length === 1 ? "band" : "bands"} ${bands.join(", ")}`;
      this._map.pixels(this._isOnMap ? `${image.links.tiles}?${query(asked)}` : null);
    } else this._map.pixels(null);
    this._updateCut();
  }

  _updateCut() {
    if (!this._cut) return;
    const { box } = state(), where = this._where.select;
    where.querySelector("[value=box]").disabled = !box;
    if (where.value === "box" && !box) where.value = "view";
    const isEmpty = this._part() === "";
    this._cut.disabled = isEmpty;
    this._cutTold.textContent = isEmpty ? "The image is somewhere else." : "";
  }

  /** The box of the part that is cut out, within the image; null where that has no footprint, "" for nothing. */
  _part() {
    const { bounds } = this._image;
    const part = { view: this._map.seen(), box: state().box, all: bounds }[this._where.select.value];
    if (!part || !bounds || part[0] > part[2] || bounds[0] > bounds[2]) return part;
    const common = part.map((edge, at) => (at < 2 ? Math.max(edge, bounds[at]) : Math.min(edge, bounds[at])));
    return common[0] < common[2] && common[1] < common[3] ? common : "";
  }

  async _download() {
    const { links, name } = this._image;
    this._cut.disabled = true;
    this._cutTold.textContent = "It is being cut…";
    try {
      await save(`${links.cut}?${query({ bands: this._chosen().join(","), bbox: this._part()?.join(",") })}`, `${name}.tif`);
      this._cutTold.textContent = "";
    } catch (error) {
      this._cutTold.textContent = error.message;
    }
    this._cut.disabled = false;
  }

  async _copy() {
    const bands = this._cut ? this._chosen().join(",") : null, bbox = (this._cut && this._part()) || null;
    const told = await ask("image/snippets", { id: this.id, bands, bbox: bbox?.join(",") });
    if (told !== null) showSnippets(`Copy ${this._image.name}`, told);
  }

  _file({ name, bytes: size, href }) {
    const shown = href ? element("a", { href, download: "" }, name) : element("span", {}, name);
    return element("li", {}, shown, element("small", {}, bytes(size)));
  }

  async _tellFailure() {
    this._picture.hidden = true;
    this._note.hidden = false;
    this._note.textContent = "There is no picture of these bands.";
    const answer = await fetch(this._picture.src).catch(() => null);
    if (answer && !answer.ok) this._note.textContent = `There is no picture. ${await reasonOf(answer)}`;
  }
}
