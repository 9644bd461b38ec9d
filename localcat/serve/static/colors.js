// Colours of the map. They are in page.css, so that light and dark are in one place.

const NUMBERED = 7;   // products that have a colour of their own; all others share one

let places = new Map();

/** Give the products with the most images colours of their own. */
export function colorProducts(products) {
  const largest = [...products].sort((one, other) => other.images - one.images).slice(0, NUMBERED);
  places = new Map(largest.map(({ id }) => id).sort().map((id, at) => [id, at + 1]));
}

/** The name of a product's colour, as "--product-3". */
export const colorOf = product => `--product-${places.get(product) ?? 0}`;

/** The value of a colour of page.css now. */
export const valueOf = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Call a function when the system changes between light and dark. */
export const onScheme = listener =>
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", listener);
