// What is chosen on the page. It is kept in the address, so that it can be marked, sent, and left by Back.

const unchosen = Object.freeze({
  products: [],      // ids; none stands for all
  from: "", to: "",  // ISO 8601, both included
  cloud: null,       // per cent
  unset: false,      // with cloud: also images without a value
  text: "",
  area: "all",       // all, view or box
  box: null,         // [west, south, east, north], degrees
  view: null,        // [latitude, longitude, zoom]
  image: "",         // the id of the one that is shown
  bands: [],
  stretch: "",
});

let current = { ...unchosen };
const listeners = [];

/** What is chosen now; do not change it. */
export const state = () => current;

/** Call a function with (new, old) after each change. */
export const onChange = listener => listeners.push(listener);

/** Choose; with `isStep`, Back leads to what was chosen before. */
export function choose(changes, { isStep = true } = {}) {
  const before = current;
  current = { ...before, ...changes };
  const address = `${location.pathname}${written(current)}`;
  if (address !== `${location.pathname}${location.search}`) {
    history[isStep ? "pushState" : "replaceState"](null, "", address);
  }
  for (const listener of listeners) listener(current, before);
}

/** Take what is chosen from the address. */
export function readAddress() {
  const before = current;
  current = read(new URLSearchParams(location.search));
  for (const listener of listeners) listener(current, before);
}

/** Whether any filter leaves something out. */
export const isFiltered = ({ products, from, to, cloud, text, area }) =>
  products.length > 0 || Boolean(from || to || text) || cloud !== null || area !== "all";

/** What clears all filters. */
export const nothingChosen = () => {
  const { view, image, bands, stretch, ...filters } = unchosen;
  return filters;
};

/** The parameters by which the server filters; `view` is the box of the map. */
export function filters({ products, from, to, cloud, unset, text, area, box }, view) {
  const asked = area === "view" ? view : area === "box" ? box : null;
  return {
    products: products.length ? JSON.stringify(products) : null,
    datetime: from || to ? `${from || ".."}/${to || ".."}` : null,
    cloud: cloud === null ? null : cloud / 100,
    unset: cloud !== null && unset ? "yes" : null,
    text: text.trim() || null,
    bbox: asked ? asked.join(",") : null,
  };
}

function written({ products, from, to, cloud, unset, text, area, box, view, image, bands, stretch }) {
  const given = new URLSearchParams();
  for (const product of products) given.append("product", product);
  if (from || to) given.set("time", `${from || ".."}/${to || ".."}`);
  if (cloud !== null) given.set("cloud", cloud);
  if (cloud !== null && unset) given.set("unset", "yes");
  if (text) given.set("text", text);
  if (area !== "all") given.set("area", area);
  if (box) given.set("box", box.join(","));
  if (view) given.set("view", view.join(","));
  if (image) given.set("image", image);
  for (const band of image ? bands : []) given.append("band", band);
  if (image && stretch) given.set("stretch", stretch);
  return given.size ? `?${given}` : "";
}

function read(given) {
  const [from = "", to = ""] = (given.get("time") || "").split("/").map(end => (end === ".." ? "" : end));
  const cloud = given.has("cloud") ? Number(given.get("cloud")) : NaN;
  const box = numbers(given.get("box"), 4);
  const area = given.get("area");
  return {
    ...unchosen,
    products: given.getAll("product"),
    from, to,
    cloud: cloud >= 0 && cloud < 100 ? cloud : null,
    unset: given.get("unset") === "yes",
    text: given.get("text") || "",
    area: area === "view" || area === "box" ? area : "all",
    box,
    view: numbers(given.get("view"), 3),
    image: given.get("image") || "",
    bands: given.getAll("band"),
    stretch: given.get("stretch") || "",
  };
}

function numbers(text, count) {
  const found = (text || "").split(",").map(Number);
  return text && found.length === count && found.every(Number.isFinite) ? found : null;
}
