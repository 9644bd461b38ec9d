// The page: what is chosen is in state.js; each part shows it, and this module asks the server when it changes.

import { colorProducts } from "./colors.js";
import { Details } from "./details.js";
import { by, grouped } from "./dom.js";
import { Form } from "./form.js";
import { CatalogMap } from "./map.js";
import { foundOf, Results } from "./results.js";
import { ask } from "./server.js";
import { listenToSnippets, showSnippets } from "./snippets.js";
import { choose, filters, isFiltered, onChange, readAddress, state } from "./state.js";

const NARROW = matchMedia("(max-width: 760px)");

async function begin() {
  if (NARROW.matches) by("filters").open = false;
  const [catalog, land] = await Promise.all([ask("catalog"), ask("land")]);
  if (catalog === null || land === null) return;
  by("name").textContent = catalog.name;
  document.title = `${catalog.name} · localcat`;
  colorProducts(catalog.products);
  const map = new CatalogMap(by("map"), land);
  new Page(catalog, map).start();
}

class Page {
  constructor(catalog, map) {
    this._catalog = catalog;
    this._map = map;
    this._form = new Form(catalog.products, catalog.products_in_all, map);
    this._results = new Results();
    this._details = new Details(map, id => this._leave(id));
    this._asked = null;
    this._turn = 0;   // of the questions to the server; the last one counts
  }

  start() {
    listenToSnippets();
    readAddress();
    this._map.go(state().view, this._catalog.extent);
    this._map.onMove(() => this._moved());
    this._map.onPick((box, count, place) => this._pick(box, count, place));
    onChange((now, before) => this._update(now, before));
    addEventListener("popstate", () => {
      readAddress();
      this._map.go(state().view, this._catalog.extent);
    });
    by("use").addEventListener("click", () => this._copy());
    choose({ view: this._map.view() }, { isStep: false });
    if (state().image) this._showImage(state());
  }

  /** What is asked of the server; with `area` in the view, that. */
  _filters() { return filters(state(), this._map.seen()); }

  async _update(now, before) {
    this._form.show(now);
    by("clear").hidden = !isFiltered(now);
    const asked = JSON.stringify(this._filters());
    if (asked !== this._asked) {
      this._asked = asked;
      this._find();
    }
    if (now.image !== before.image || now.bands !== before.bands || now.stretch !== before.stretch) await this._showImage(now);
    else this._details.moved();
  }

  async _showImage(now) {
    const isOther = await this._details.show(now);
    this._results.mark(now.image);
    if (isOther) by("details-title").focus();
  }

  /** Count and list what is found, and draw it. */
  async _find() {
    const asked = this._filters(), turn = (this._turn += 1);
    by("results").setAttribute("aria-busy", "true");
    this._draw();
    await this._list(asked);
    if (turn === this._turn) by("results").setAttribute("aria-busy", "false");
  }

  async _list(asked) {
    const counts = await ask("counts", asked);
    if (counts === null) return;
    by("count").textContent = foundOf(counts.found, this._catalog.images);
    this._form.count(counts);
    if (counts.found) await this._results.list(asked);
    else await this._results.explain(asked);
  }

  async _draw() {
    by("place").setAttribute("aria-busy", "true");
    const drawn = await this._map.draw(filters({ ...state(), area: state().area === "view" ? "all" : state().area }));
    if (drawn === null) return;
    const number = `${grouped(drawn.images)} ${drawn.images === 1 ? "footprint" : "footprints"}${drawn.isAll ? "" : " in view"}`;
    by("map-told").textContent = drawn.outlines ? number : `${number}, counted in cells`;
    await this._map.drawn();
    by("place").setAttribute("aria-busy", "false");
  }

  _moved() {
    choose({ view: this._map.view() }, { isStep: false });
    this._draw();
  }

  async _pick(box, count, place) {
    if (count) { this._map.near(place); return; }
    const asked = this._filters();
    if (state().image) choose({ image: "", bands: [], stretch: "" });
    const found = await this._results.list(asked, box);
    if (found?.length === 1) choose({ image: found[0].id });
    else if (found) this._results.focus(found[0]?.id);
  }

  _leave(id) {
    choose({ image: "", bands: [], stretch: "" });
    this._results.focus(id);
  }

  async _copy() {
    const told = await ask("snippets", this._filters());
    if (told !== null) showSnippets("Copy this search", told);
  }
}

begin();
