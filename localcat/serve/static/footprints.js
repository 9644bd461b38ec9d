// The footprints on the map, or how many there are in each cell of it.
//
// Each tile of the map is a canvas. Tiles are drawn a few milliseconds at a time, so that the map can be moved meanwhile.

import { GridLayer } from "../leaflet/leaflet-src.esm.js";
import { colorOf, onScheme, valueOf } from "./colors.js";
import { grouped } from "./dom.js";
import { across, down, scaleOf, tileCanvas } from "./mercator.js";

const SLICE = 8;       // milliseconds of a frame that drawing may take
const TOGETHER = 200;  // footprints between two looks at the clock
const TINY = 3;        // pixels; smaller footprints are drawn as dots
const WIDE = 700;      // pixels; larger footprints are not filled, since they would cover the whole view
const MARGIN = 2;      // pixels around a tile, from where lines reach into it
const CELLS = 3;       // levels of zoom between a tile and its cells

/** Read an answer of page/drawing: see localcat/serve/page/drawing.py. */
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let start = 4 + length;
  for (const [name, type, count] of head.arrays) {
    const kind = { u4: Uint32Array, f4: Float32Array }[type];
    head[name === "products" ? "product" : name] = new kind(buffer, start, count);
    start += count * kind.BYTES_PER_ELEMENT;
  }
  return head.kind === "footprints" ? new Footprints(head) : new Cells(head);
}

/** Footprints in the square of the world, the largest first. */
class Footprints {
  constructor({ products, product, lines, points, coordinates, images, all, outlines_from: outlinesFrom }) {
    Object.assign(this, { products, product, lines, points, images, isAll: all, outlines: true, outlinesFrom });
    this.places = new Float64Array(coordinates.length);
    for (let at = 0; at < coordinates.length; at += 2) {
      this.places[at] = across(coordinates[at]);
      this.places[at + 1] = down(coordinates[at + 1]);
    }
    this.boxes = new Float64Array(4 * images);
    for (let image = 0; image < images; image += 1) this.boxes.set(this._around(image), 4 * image);
  }

  _around(image) {
    let [west, north, east, south] = [Infinity, Infinity, -Infinity, -Infinity];
    const { places, points, lines } = this;
    for (let at = 2 * points[lines[image]]; at < 2 * points[lines[image + 1]]; at += 2) {
      if (places[at] < west) west = places[at];
      if (places[at] > east) east = places[at];
      if (places[at + 1] < north) north = places[at + 1];
      if (places[at + 1] > south) south = places[at + 1];
    }
    return [west, north, east, south];
  }

  /** The numbers of the footprints whose boxes meet a box, as many as there are. */
  meeting(west, north, east, south) {
    const { boxes } = this, found = [];
    for (let image = 0, at = 0; image < this.images; image += 1, at += 4) {
      if (boxes[at] <= east && boxes[at + 2] >= west && boxes[at + 1] <= south && boxes[at + 3] >= north) found.push(image);
    }
    return found;
  }
}

/** Counts in cells, which are the tiles of a zoom level. */
class Cells {
  constructor({ zoom, columns, rows, counts, images, all }) {
    Object.assign(this, { zoom, images, isAll: all });
    this.found = new Map(Array.from(counts, (count, at) => [`${columns[at]},${rows[at]}`, count]));
    const logs = Array.from(counts, Math.log);
    this._least = logs.reduce((least, one) => Math.min(least, one), Infinity);
    this._span = logs.reduce((most, one) => Math.max(most, one), 0) - this._least;
  }

  /** How dark a count is, from 0 to 1, among those there are. */
  share(count) { return this._span > 0 ? (Math.log(count) - this._least) / this._span : 0.5; }

  /** How many images are in the cell at a place of the world. */
  at(x, y) {
    const side = 2 ** this.zoom;
    return this.found.get(`${Math.floor(x * side)},${Math.floor(y * side)}`) ?? 0;
  }
}

export const FootprintLayer = GridLayer.extend({
  initialize(options) {
    GridLayer.prototype.initialize.call(this, { className: "footprints", updateWhenZooming: false, ...options });
    this._content = null;
    this._waiting = new Map();   // canvases that are to be drawn: how
    this._isDrawing = false;
    this.on("tileunload", ({ tile }) => this._waiting.delete(tile));
    onScheme(() => this.show(this._content));
  },

  /** Draw footprints or cells in place of those there are; null for nothing. */
  show(content) {
    this._content = content;
    for (const { el, coords } of Object.values(this._tiles ?? {})) this._enqueue(el, coords);
  },

  /** Wait until nothing waits to be drawn. */
  drawn() { return this._isDrawing ? new Promise(done => this.once("drawn", done)) : Promise.resolve(); },

  /** What is drawn. */
  content() { return this._content; },

  createTile(coords) {
    const { canvas } = tileCanvas(this);
    this._enqueue(canvas, coords);
    return canvas;
  },

  _enqueue(canvas, { x, y, z }) {
    const worlds = 2 ** z;
    this._waiting.set(canvas, this._steps(canvas, { x: ((x % worlds) + worlds) % worlds, y, z }));
    if (!this._isDrawing) {
      this._isDrawing = true;
      requestAnimationFrame(() => this._drawSome());
    }
  },

  /** Draw for a slice of a frame, and go on in the next one if something is left. */
  _drawSome() {
    const end = performance.now() + SLICE;
    for (const [canvas, steps] of this._waiting) {
      while (!steps.next().done) {
        if (performance.now() > end) {
          requestAnimationFrame(() => this._drawSome());
          return;
        }
      }
      this._waiting.delete(canvas);
      if (performance.now() > end) break;
    }
    this._isDrawing = this._waiting.size > 0;
    if (this._isDrawing) requestAnimationFrame(() => this._drawSome());
    else this.fire("drawn");
  },

  *_steps(canvas, coords) {
    const pen = canvas.getContext("2d"), side = this.getTileSize().x;
    pen.clearRect(0, 0, side, side);
    if (this._content instanceof Footprints) yield* drawFootprints(pen, this._content, coords, side);
    else if (this._content instanceof Cells) drawCells(pen, this._content, coords, side);
  },
});

function* drawFootprints(pen, content, { x, y, z }, side) {
  const scale = scaleOf(z, side), left = x * side, top = y * side, edge = MARGIN / scale;
  const found = content.meeting(left / scale - edge, top / scale - edge, (left + side) / scale + edge, (top + side) / scale + edge);
  const colors = content.products.map(product => valueOf(colorOf(product)));
  const { boxes, lines, points, places, product } = content;
  pen.lineWidth = 1;
  let drawn = 0;
  for (const image of found) {
    if (drawn % TOGETHER === 0) yield;
    drawn += 1;
    pen.fillStyle = pen.strokeStyle = colors[product[image]];
    const wide = (boxes[4 * image + 2] - boxes[4 * image]) * scale, tall = (boxes[4 * image + 3] - boxes[4 * image + 1]) * scale;
    if (wide < TINY && tall < TINY) {
      pen.globalAlpha = 0.6;
      pen.fillRect(boxes[4 * image] * scale - left - 0.5, boxes[4 * image + 1] * scale - top - 0.5, Math.max(wide, 2), Math.max(tall, 2));
      continue;
    }
    pen.beginPath();
    for (let line = lines[image]; line < lines[image + 1]; line += 1) {
      for (let at = points[line]; at < points[line + 1]; at += 1) {
        pen[at > points[line] ? "lineTo" : "moveTo"](places[2 * at] * scale - left, places[2 * at + 1] * scale - top);
      }
      pen.closePath();
    }
    if (wide < WIDE && tall < WIDE) {
      pen.globalAlpha = 0.1;
      pen.fill("evenodd");
    }
    pen.globalAlpha = 0.7;
    pen.stroke();
  }
  pen.globalAlpha = 1;
}

function drawCells(pen, content, { x, y, z }, side) {
  const along = 2 ** (content.zoom - z), cell = side / along;
  if (along < 1) return;   // of a zoom from before; the ones of this zoom are on their way
  const fill = valueOf("--cell"), light = valueOf("--cell-text"), dark = valueOf("--text");
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.font = "11px system-ui, sans-serif";
  for (let row = 0; row < along; row += 1) {
    for (let column = 0; column < along; column += 1) {
      const count = content.found.get(`${x * along + column},${y * along + row}`);
      if (!count) continue;
      const share = content.share(count);
      pen.globalAlpha = 0.12 + 0.78 * share;
      pen.fillStyle = fill;
      pen.fillRect(column * cell + 0.5, row * cell + 0.5, cell - 1, cell - 1);
      if (cell < 24) continue;
      pen.globalAlpha = 1;
      pen.fillStyle = share > 0.5 ? light : dark;
      pen.fillText(inShort(count), (column + 0.5) * cell, (row + 0.5) * cell);
    }
  }
  pen.globalAlpha = 1;
}

/** A count in at most four signs: 999, 1.2k, 12k, 1.2M. */
function inShort(count) {
  if (count < 1000) return grouped(count);
  const [value, unit] = count < 999_500 ? [count / 1000, "k"] : [count / 1e6, "M"];
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)}${unit}`;
}
