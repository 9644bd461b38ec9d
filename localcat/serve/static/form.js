// The filters: what is chosen is shown in the form, and what is done in the form is chosen.

import { colorOf } from "./colors.js";
import { by, element, grouped, settled } from "./dom.js";
import { Histogram } from "./histogram.js";
import { choose, nothingChosen, state } from "./state.js";

const TYPING = 300;    // milliseconds without a key until a word counts as written
const SLIDING = 150;
const EDGES = ["west", "south", "east", "north"];

export class Form {
  /** `products` are those of the catalog, `inAll` says how many there are; `map` draws boxes. */
  constructor(products, inAll, map) {
    this._map = map;
    this._endDrawing = null;
    this._products = products.map(product => this._product(product));
    by("product-list").replaceChildren(...this._products.map(({ row }) => row));
    by("products").hidden = !products.length;
    if (inAll > products.length) by("products").append(element("small", {}, `The first ${grouped(products.length)} of ${grouped(inAll)}.`));
    this.histogram = new Histogram(by("histogram"), (from, to) => choose({ from, to }));
    this._listen();
  }

  /** Show what is chosen. */
  show({ products, from, to, cloud, unset, text, area, box }) {
    for (const { id, input } of this._products) input.checked = products.includes(id);
    for (const [id, value] of [["from", from.slice(0, 10)], ["to", to.slice(0, 10)], ["text", text]]) {
      if (by(id).value !== value && document.activeElement !== by(id)) by(id).value = value;
    }
    by("cloud").value = cloud ?? 100;
    by("cloud-told").value = cloud === null ? "any" : `${cloud} %`;
    by("unset").checked = cloud === null || unset;
    by("unset").disabled = cloud === null;
    for (const input of document.getElementsByName("area")) input.checked = input.value === area;
    by("box").hidden = area !== "box";
    EDGES.forEach((id, at) => { if (document.activeElement !== by(id)) by(id).value = box ? box[at] : ""; });
    if (area !== "box") this._stopDrawing();
    this._map.box(area === "box" ? box : null);
    this.histogram.choose(from, to);
  }

  /** Show how many images there are, by product and by time. */
  count({ products, ...time }) {
    for (const { id, number, row } of this._products) {
      number.textContent = grouped(products[id] ?? 0);
      row.classList.toggle("none", !products[id]);
    }
    this.histogram.show(time, state());
  }

  _product({ id, name }) {
    const input = element("input", { type: "checkbox", value: id });
    const number = element("span", { className: "number" });
    const dot = element("span", { className: "dot", aria: { hidden: "true" } });
    dot.style.background = `var(${colorOf(id)})`;
    const row = element("label", { className: "product", title: name === id ? id : `${name} (${id})` },
      input, dot, element("span", { className: "name" }, id), number);
    input.addEventListener("change", () => {
      choose({ products: this._products.filter(one => one.input.checked).map(one => one.id) });
    });
    return { id, input, number, row };
  }

  _listen() {
    by("text").addEventListener("input", settled(() => choose({ text: by("text").value }), TYPING));
    by("from").addEventListener("change", () => choose({ from: by("from").value }));
    by("to").addEventListener("change", () => choose({ to: by("to").value }));
    const slid = settled(() => choose({ cloud: by("cloud").value === "100" ? null : Number(by("cloud").value) }), SLIDING);
    by("cloud").addEventListener("input", () => {
      by("cloud-told").value = by("cloud").value === "100" ? "any" : `${by("cloud").value} %`;
      slid();
    });
    by("unset").addEventListener("change", () => choose({ unset: by("unset").checked }));
    for (const input of document.getElementsByName("area")) {
      input.addEventListener("change", () => {
        choose({ area: input.value });
        if (input.value === "box" && !state().box) this._startDrawing();
      });
    }
    by("draw").addEventListener("click", () => (this._endDrawing ? this._stopDrawing() : this._startDrawing()));
    for (const id of EDGES) by(id).addEventListener("change", () => this._takeEdges());
    by("clear").addEventListener("click", () => { choose(nothingChosen()); by("text").value = ""; by("text").focus(); });
    document.querySelector("#filters form").addEventListener("submit", event => event.preventDefault());
    document.addEventListener("keydown", event => { if (event.key === "Escape") this._stopDrawing(); });
  }

  _takeEdges() {
    const edges = EDGES.map(id => by(id).valueAsNumber);
    if (edges.every(Number.isFinite) && edges[1] <= edges[3]) choose({ box: edges });
  }

  _startDrawing() {
    by("draw").setAttribute("aria-pressed", "true");
    this._endDrawing = this._map.drawBox(box => { this._stopDrawing(); choose({ box }); });
  }

  _stopDrawing() {
    by("draw").setAttribute("aria-pressed", "false");
    this._endDrawing?.();
    this._endDrawing = null;
  }
}
