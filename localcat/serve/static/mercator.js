// Web Mercator, with the world as a square from 0 to 1, and canvases that are tiles of the map.

const MOST = 85.05112878;   // degrees of latitude, where the square ends

/** Longitude, in degrees, as a place from 0 in the west to 1 in the east. */
export const across = lon => lon / 360 + 0.5;

/** Latitude, in degrees, as a place from 0 in the north to 1 in the south. */
export function down(lat) {
  const bounded = Math.max(-MOST, Math.min(MOST, lat)) * (Math.PI / 180);
  return 0.5 - Math.asinh(Math.tan(bounded)) / (2 * Math.PI);
}

/** How many pixels the world has at a zoom. */
export const scaleOf = (zoom, side) => side * 2 ** zoom;

/** A canvas for a tile of a layer, as fine as the screen, and a pen that counts in pixels of the page. */
export function tileCanvas(layer) {
  const { x: side } = layer.getTileSize();
  const dots = Math.min(window.devicePixelRatio || 1, 2);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side * dots;
  const pen = canvas.getContext("2d");
  pen.scale(dots, dots);
  return { canvas, pen, side };
}

/** A box of the map as [west, south, east, north] in degrees, west > east across the antimeridian. */
export function boxOf(bounds) {
  let [west, south, east, north] = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
  if (east - west >= 360) [west, east] = [-180, 180];
  const round = degrees => Number(degrees.toFixed(5));
  const within = lon => ((((lon + 180) % 360) + 360) % 360) - 180;
  const bounded = lat => Math.max(-90, Math.min(90, lat));
  const [left, right] = west >= -180 && east <= 180 ? [west, east] : [within(west), within(east)];
  return [round(left), round(bounded(south)), round(right), round(bounded(north))];
}
