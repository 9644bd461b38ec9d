// A histogram of time with a brush: a range is chosen by dragging, or by moving its two ends with the keyboard.

import { element, images } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 1000, HEIGHT = 64;   // of the drawing, which is stretched to the width of the form
const DAY = 86_400_000;            // milliseconds
const MONTHS = { month: 1, quarter: 3, year: 12 };
const LENGTHS = { minute: 60_000, hour: 3_600_000, day: DAY, week: 7 * DAY };
const SUB_DAY = new Set(["minute", "hour"]);

export class Histogram {
  /** `onBrush` gets the first and the last moment of a range, "" and "" for all time. */
  constructor(holder, onBrush) {
    this._onBrush = onBrush;
    this._starts = [];
    this._range = null;   // [first bar, last bar]
    this._bars = svg("g", { class: "bars" });
    this._drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    this._drawing.append(this._bars);
    this._window = element("div", { className: "window", hidden: true });
    this._ends = ["first", "last"].map(which => this._end(which));
    this._strip = element("div", { className: "strip" }, this._drawing, this._window, ...this._ends);
    this._labels = [element("span"), element("span")];
    this._told = element("p", { className: "told" });
    holder.append(this._strip, element("div", { className: "axis" }, ...this._labels), this._told);
    this._strip.addEventListener("pointerdown", event => this._drag(event));
  }

  /**
   * Show counts: `bars` are pairs of a time and a number, intervals without images are left out. `begins` are the begins
   * of the first and the last interval of the axis, or null for a catalog without times.
   */
  show({ interval, begins, bars }, { from, to }) {
    this._interval = interval;
    this._starts = begins[0] ? startsBetween(interval, ...begins.map(Date.parse)) : [];
    const counts = new Map(bars.map(([time, count]) => [Date.parse(time), count]));
    this._counts = this._starts.map(start => counts.get(start) ?? 0);
    const most = Math.max(1, ...this._counts), wide = WIDTH / Math.max(1, this._starts.length);
    this._bars.replaceChildren(...this._counts.map((count, at) => {
      const tall = count && Math.max(1.5, (count / most) * (HEIGHT - 2));
      return svg("rect", { x: at * wide, y: HEIGHT - tall, width: Math.max(wide - (wide > 4 ? 1 : 0), 0.5), height: tall });
    }));
    this._labels[0].textContent = this._starts.length ? dayOf(this._starts[0]) : "";
    this._labels[1].textContent = this._starts.length ? dayOf(after(interval, this._starts.at(-1)) - 1) : "";
    this._strip.classList.toggle("empty", !this._starts.length);
    this.choose(from, to);
  }

  /** Show which range is chosen, by its first and last moment. */
  choose(from, to) {
    if (!this._starts.length || !(from || to)) this._range = null;
    else {
      const first = from ? this._at(Date.parse(from)) : 0;
      const last = to ? this._at(endOf(to)) : this._starts.length - 1;
      this._range = [Math.max(0, first), Math.max(0, last)];
    }
    this._update();
  }

  /** The bar that a moment belongs to. */
  _at(moment) {
    let at = this._starts.length - 1;
    while (at > 0 && this._starts[at] > moment) at -= 1;
    return at;
  }

  _update() {
    const count = this._starts.length, [first, last] = this._range ?? [0, count - 1];
    this._window.hidden = !this._range;
    const place = at => `${(100 * at) / Math.max(1, count)}%`;
    this._window.style.left = place(first);
    this._window.style.width = place(last + 1 - first);
    [...this._bars.children].forEach((bar, at) => bar.classList.toggle("out", at < first || at > last));
    this._ends.forEach((end, which) => {
      end.style.left = place(which ? last + 1 : first);
      end.disabled = !count;
      const value = which ? last : first;
      const attributes = { valuemin: 0, valuemax: Math.max(0, count - 1), valuenow: Math.max(0, value), valuetext: count ? this._textOf(value, which) : "no time" };
      for (const [name, text] of Object.entries(attributes)) end.setAttribute(`aria-${name}`, text);
    });
    const all = (this._counts ?? []).reduce((sum, one) => sum + one, 0);
    this._told.textContent = count ? `${images(all)}, by ${this._interval}` : "nothing with a time";
  }

  _textOf(at, which) {
    const moment = which ? after(this._interval, this._starts[at]) - 1 : this._starts[at];
    return SUB_DAY.has(this._interval) ? new Date(moment).toISOString().slice(0, 16).replace("T", " ") : dayOf(moment);
  }

  _end(which) {
    const end = element("button", { type: "button", className: `end ${which}`, role: "slider", aria: { label: `${which === "first" ? "Begin" : "End"} of the time` } });
    end.addEventListener("keydown", event => {
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -12, PageUp: 12, Home: -1e9, End: 1e9 }[event.key];
      if (step === undefined || !this._starts.length) return;
      event.preventDefault();
      let [first, last] = this._range ?? [0, this._starts.length - 1];
      if (which === "first") first = clamp(first + step, 0, last);
      else last = clamp(last + step, first, this._starts.length - 1);
      this._range = [first, last];
      this._update();
      this._tell();
    });
    return end;
  }

  _drag(event) {
    if (event.button || !this._starts.length) return;
    event.preventDefault();
    const { left, width } = this._strip.getBoundingClientRect(), count = this._starts.length;
    const barAt = x => clamp(Math.floor(((x - left) / width) * count), 0, count - 1);
    const held = this._ends.indexOf(event.target);
    const [first, last] = this._range ?? [0, count - 1];
    const anchor = held === 0 ? last : held === 1 ? first : barAt(event.clientX);
    const move = moved => {
      const at = barAt(moved.clientX);
      this._range = [Math.min(anchor, at), Math.max(anchor, at)];
      this._update();
    };
    const up = ended => {
      this._strip.removeEventListener("pointermove", move);
      if (ended.type === "pointerup") {
        if (held < 0) move(ended);
        this._tell();
      }
    };
    this._strip.setPointerCapture(event.pointerId);
    this._strip.addEventListener("pointermove", move);
    this._strip.addEventListener("pointerup", up, { once: true });
    this._strip.addEventListener("pointercancel", up, { once: true });
    if (held >= 0) this._ends[held].focus();
  }

  _tell() {
    const [first, last] = this._range;
    if (first === 0 && last === this._starts.length - 1) { this._onBrush("", ""); return; }
    const end = after(this._interval, this._starts[last]) - 1;
    if (SUB_DAY.has(this._interval)) this._onBrush(new Date(this._starts[first]).toISOString(), new Date(end).toISOString());
    else this._onBrush(dayOf(this._starts[first]), dayOf(end));
  }
}

function svg(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const clamp = (value, least, most) => Math.max(least, Math.min(most, value));
const dayOf = moment => new Date(moment).toISOString().slice(0, 10);

/** The last moment of a day, or of a moment itself. */
const endOf = text => Date.parse(text) + (text.length === 10 ? DAY - 1 : 0);

/** The begin of the interval behind one that begins at a moment. */
function after(interval, start) {
  if (LENGTHS[interval]) return start + LENGTHS[interval];
  return new Date(start).setUTCMonth(new Date(start).getUTCMonth() + MONTHS[interval]);
}

/** The begins of all intervals from one to another, those without images too. */
function startsBetween(interval, first, last) {
  const starts = [];
  for (let start = first; start <= last && starts.length < 12_000; start = after(interval, start)) starts.push(start);
  return starts;
}
