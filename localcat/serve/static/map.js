// The map: its ground, what is found, the image that is shown, and the box of the filter.

import { geoJSON, latLngBounds, map as makeMap, rectangle, tileLayer } from "../leaflet/leaflet-src.esm.js";
import { BaseMap } from "./basemap.js";
import { onScheme, valueOf } from "./colors.js";
import { FootprintLayer, unpack } from "./footprints.js";
import { across, boxOf, down } from "./mercator.js";
import { ask } from "./server.js";

const NEAR = 4;   // pixels around a click
const DEEPEST = 18;
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

export class CatalogMap {
  /**
   * @param {HTMLElement} holder
   * @param {number[][]} land rings of longitudes and latitudes in turns
   */
  constructor(holder, land) {
    this.leaflet = makeMap(holder, {
      attributionControl: false, fadeAnimation: false, zoomAnimation: !calm, inertia: !calm,
      minZoom: 1, maxZoom: DEEPEST, worldCopyJump: true,
      maxBounds: [[-86, -1e6], [86, 1e6]], maxBoundsViscosity: 0.8,
    });
    this.leaflet.zoomControl.setPosition("topright");
    new BaseMap(land).addTo(this.leaflet);
    this.footprints = new FootprintLayer({ zIndex: 2 }).addTo(this.leaflet);
    this._rectangle = null;
    this._outline = null;
    this._pixels = null;
    this._answers = { asked: "", byZoom: new Map(), outlines: null, outlinesFrom: 0 };
    onScheme(() => this._restyle());
  }

  /** The view as [latitude, longitude, zoom], rounded to what can be seen. */
  view() {
    const { lat, lng } = this.leaflet.getCenter();
    return [Number(lat.toFixed(4)), Number(lng.toFixed(4)), this.leaflet.getZoom()];
  }

  /** What is seen, as [west, south, east, north]. */
  seen() { return boxOf(this.leaflet.getBounds()); }

  /** Show a view; without one all of an extent. */
  go(view, extent) {
    if (view) this.leaflet.setView(view.slice(0, 2), view[2], { animate: false });
    else if (extent) this.fit(extent);
    else this.leaflet.setView([20, 0], 2, { animate: false });
  }

  /** Show a box as large as possible; west > east across the antimeridian. */
  fit([west, south, east, north]) {
    const bounds = [[Math.max(south, -85), west], [Math.min(north, 85), east < west ? east + 360 : east]];
    this.leaflet.fitBounds(bounds, { padding: [24, 24], maxZoom: 12, animate: false });
  }

  /** Call a function with the box of a click and the number of images in the cell there, 0 where outlines are drawn. */
  onPick(listener) {
    const pick = point => {
      const corners = [-NEAR, NEAR].map(far => this.leaflet.containerPointToLatLng([point.x + far, point.y - far]));
      const place = this.leaflet.containerPointToLatLng(point).wrap();
      const content = this.footprints.content();
      listener(boxOf(latLngBounds(corners)), content?.at ? content.at(across(place.lng), down(place.lat)) : 0, place);
    };
    this.leaflet.on("click", ({ containerPoint }) => { if (!this._isDrawing) pick(containerPoint); });
    this.leaflet.getContainer().addEventListener("keydown", event => {
      if (event.key !== "Enter" || event.target !== this.leaflet.getContainer()) return;
      event.preventDefault();
      pick(this.leaflet.getSize().divideBy(2));
    });
  }

  /** Call a function after each move of the map. */
  onMove(listener) { this.leaflet.on("moveend", listener); }

  /** Wait until all that is known is drawn. */
  drawn() { return this.footprints.drawn(); }

  /** Go two levels nearer to a place. */
  near({ lat, lng }) { this.leaflet.setView([lat, lng], Math.min(this.leaflet.getZoom() + 2, DEEPEST)); }

  /** Draw what the filters find in the view; what is known already is not asked again. Null if another call came. */
  async draw(filters) {
    const asked = JSON.stringify(filters), zoom = this.leaflet.getZoom();
    if (this._answers.asked !== asked) this._answers = { asked, byZoom: new Map(), outlines: null, outlinesFrom: 0 };
    const answers = this._answers;
    const known = zoom >= answers.outlinesFrom && answers.outlines ? answers.outlines : answers.byZoom.get(zoom);
    if (known) return this._show(known);
    const view = boxOf(this.leaflet.getBounds().pad(0.25)).join(",");
    const buffer = await ask("drawing", { ...filters, view, zoom }, { as: "bytes" });
    if (buffer === null || answers !== this._answers) return null;
    const found = unpack(buffer);
    if (found.isAll && found.outlines) Object.assign(answers, { outlines: found, outlinesFrom: found.outlinesFrom });
    else if (found.isAll) answers.byZoom.set(zoom, found);
    return this._show(found);
  }

  _show(content) {
    if (content !== this.footprints.content()) this.footprints.show(content);
    return content;
  }

  /** Mark the footprint of an image; null for none. */
  mark(geometry) {
    this._outline?.remove();
    this._outline = geometry ? geoJSON(geometry, { interactive: false, style: () => this._markStyle() }).addTo(this.leaflet) : null;
  }

  /** Show the box of the filter; null for none. */
  box(edges) {
    this._rectangle?.remove();
    this._rectangle = null;
    if (!edges) return;
    const [west, south, east, north] = edges;
    this._rectangle = rectangle([[south, west], [north, east < west ? east + 360 : east]], { interactive: false, ...this._boxStyle() });
    this._rectangle.addTo(this.leaflet);
  }

  /** Show the pixels of an image; null for none. */
  pixels(address) {
    if (this._pixels?.address === address) return;
    this._pixels?.layer.remove();
    this._pixels = null;
    if (!address) return;
    const layer = tileLayer(address, { zIndex: 3, maxNativeZoom: DEEPEST, maxZoom: DEEPEST, keepBuffer: 1, alt: "" });
    this._pixels = { address, layer: layer.addTo(this.leaflet) };
  }

  /** Let a box be drawn by pointer; the function gets [west, south, east, north]. Returns what ends it. */
  drawBox(listener) {
    const { leaflet } = this, holder = leaflet.getContainer();
    this._isDrawing = true;
    leaflet.dragging.disable();
    holder.classList.add("drawing");
    let from = null;
    const edgesTo = event => boxOf(latLngBounds(from, leaflet.mouseEventToLatLng(event)));
    const begin = event => {
      if (event.button || event.target.closest(".leaflet-control")) return;
      from = leaflet.mouseEventToLatLng(event);
      holder.setPointerCapture(event.pointerId);
      event.preventDefault();
    };
    const move = event => { if (from) this.box(edgesTo(event)); };
    const up = event => {
      if (!from) return;
      const [west, south, east, north] = edgesTo(event);
      from = null;
      if (west !== east && south !== north) listener([west, south, east, north]);
    };
    const end = () => {
      holder.removeEventListener("pointerdown", begin);
      holder.removeEventListener("pointermove", move);
      holder.removeEventListener("pointerup", up);
      holder.classList.remove("drawing");
      leaflet.dragging.enable();
      setTimeout(() => { this._isDrawing = false; });   // after the click that ends the drag
    };
    holder.addEventListener("pointerdown", begin);
    holder.addEventListener("pointermove", move);
    holder.addEventListener("pointerup", up);
    return end;
  }

  _markStyle() { return { color: valueOf("--pick"), weight: 2.5, fillOpacity: 0.05 }; }

  _boxStyle() { return { color: valueOf("--text"), weight: 1.5, dashArray: "5 4", fill: false }; }

  _restyle() {
    this._outline?.setStyle(this._markStyle());
    this._rectangle?.setStyle(this._boxStyle());
  }
}
