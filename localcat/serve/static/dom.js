// Elements of the page. Text of a catalog becomes text of an element, never markup.

/** The element with an id. */
export const by = id => document.getElementById(id);

/**
 * Make an element: properties are set as they are, `data` and `aria` as attributes, children are elements or text.
 */
export function element(tag, { data = {}, aria = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  Object.assign(made.dataset, data);
  for (const [name, value] of Object.entries(aria)) made.setAttribute(`aria-${name}`, value);
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

/** A whole number with thousands apart, as in 12,345. */
export const grouped = number => number.toLocaleString("en-US");

/** "1 image" or "12,345 images". */
export const images = number => `${grouped(number)} ${number === 1 ? "image" : "images"}`;

/** A time as "2024-06-01 10:20", in UTC. */
export const shortTime = iso => (iso ? iso.slice(0, 16).replace("T", " ") : "no time");

/** A fraction as a percentage. */
export const percent = fraction => `${Math.round(100 * fraction)} %`;

/** A size as "3.8 kB". */
export function bytes(number) {
  if (number === null || number === undefined) return "";
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (number >= 1000 && at < units.length - 1) { number /= 1000; at += 1; }
  return `${at ? number.toPrecision(3) : number} ${units[at]}`;
}

/** Return a function that calls another one when it was not called again for some milliseconds. */
export function settled(call, milliseconds) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...given), milliseconds);
  };
}
