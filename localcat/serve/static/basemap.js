// The ground of the map: the outline of the land and a graticule, drawn from numbers. No tile comes from elsewhere.

import { GridLayer } from "../leaflet/leaflet-src.esm.js";
import { onScheme, valueOf } from "./colors.js";
import { across, down, scaleOf, tileCanvas } from "./mercator.js";

const TALL = 14;   // pixels of a text
const STEPS = [30, 30, 30, 15, 10, 5, 5, 2, 1, 0.5, 0.25, 0.1, 0.05, 0.05, 0.02, 0.01];   // degrees, by zoom

export const BaseMap = GridLayer.extend({
  initialize(rings, options) {
    GridLayer.prototype.initialize.call(this, options);
    this._rings = rings.map(ring => Float64Array.from(ring, (degrees, at) => (at % 2 ? down(degrees) : across(degrees))));
    onScheme(() => this.redraw());
  },

  createTile({ x, y, z }) {
    const { canvas, pen, side } = tileCanvas(this);
    const scale = scaleOf(z, side);
    const worlds = 2 ** z;
    const left = (((x % worlds) + worlds) % worlds) * side, top = y * side;
    drawLand(pen, this._rings, scale, left, top);
    drawGraticule(pen, STEPS[Math.min(z, STEPS.length - 1)], scale, left, top, side);
    return canvas;
  },
});

function drawLand(pen, rings, scale, left, top) {
  pen.beginPath();
  for (const ring of rings) {
    for (let at = 0; at < ring.length; at += 2) {
      pen[at ? "lineTo" : "moveTo"](ring[at] * scale - left, ring[at + 1] * scale - top);
    }
    pen.closePath();
  }
  pen.fillStyle = valueOf("--land");
  pen.strokeStyle = valueOf("--coast");
  pen.lineWidth = 1;
  pen.fill("nonzero");
  pen.stroke();
}

function drawGraticule(pen, step, scale, left, top, side) {
  pen.strokeStyle = valueOf("--graticule");
  pen.fillStyle = valueOf("--graticule-text");
  pen.font = "10px system-ui, sans-serif";
  pen.lineWidth = 1;
  const crisp = length => Math.round(length) + 0.5;
  pen.beginPath();
  const west = (left / scale) * 360 - 180, east = ((left + side) / scale) * 360 - 180;
  for (let lon = Math.floor(west / step + 1e-9) * step; lon < east; lon += step) {   // one more, whose text reaches in
    const x = crisp(across(lon) * scale - left);
    pen.moveTo(x, 0);
    pen.lineTo(x, side);
    if (Math.abs(top / side) % 2 < 1) pen.fillText(degrees(lon, "E", "W", step), x + 3, 11);
  }
  for (let lat = -90 + step; lat < 90; lat += step) {
    const y = crisp(down(lat) * scale - top);
    if (y < 0 || y > side + TALL) continue;
    pen.moveTo(0, y);
    pen.lineTo(side, y);
    const isBesideOthers = Math.abs((top + y - 0.5) / side) % 2 < 0.1;   // the longitudes, in the uppermost tenth of a tile
    if ((left / side) % 2 < 1 && !isBesideOthers) pen.fillText(degrees(lat, "N", "S", step), 3, y - 3);
  }
  pen.stroke();
}

function degrees(value, plus, minus, step) {
  const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? "0°" : `${text}° ${value > 0 ? plus : minus}`;
}
