/**
 * The viewer of recorded episodes: one module, without dependencies, that runs as a page of `maze view`, inside the file
 * of `maze report`, and in notebooks through anywidget. It asks questions (a path and parameters) of a source, which is
 * a server, a notebook's kernel, or what the file holds. Texts of environments are only ever set as text.
 *
 * @module
 */

// Numbers that travel ------------------------------------------------------------------------------------------------

const ARRAY_KINDS = {
  i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array,
  i8: BigInt64Array, u8: BigUint64Array, f4: Float32Array, f8: Float64Array,
};

/** Read a bundle of columns: the length of a JSON text, the text, and the arrays that it refers to. */
export function unpack(buffer) {
  const n = new DataView(buffer).getUint32(0, true);
  const content = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, n)));
  return restored(content, buffer, 4 + n);
}

function restored(value, buffer, base) {
  if (Array.isArray(value)) return value.map((item) => restored(item, buffer, base));
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value.$array)) {
    const [dtype, shape, offset] = value.$array;
    const size = shape.reduce((product, side) => product * side, 1);
    return new ARRAY_KINDS[dtype](buffer, base + offset, size);
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restored(item, buffer, base)]));
}

// Where answers come from --------------------------------------------------------------------------------------------

/** What could not be answered; the message is for the reader. */
class Problem extends Error {}

function answered(buffer) {
  const content = unpack(buffer);
  if (content?.$problem !== undefined) throw new Problem(content.$problem);
  return content;
}

/** Asks the server of the page. */
export class ServerSource {
  constructor(base) {
    this.base = base;
    this.isLive = true;
  }

  async ask(path, parameters = {}, method = "GET") {
    const response = await this.fetch(path, parameters, method);
    const buffer = await response.arrayBuffer();
    if (!response.headers.get("content-type")?.includes("maze-columns")) {
      throw new Problem(new TextDecoder().decode(buffer) || `error ${response.status}`);
    }
    return answered(buffer);
  }

  async bytes(path, parameters) {
    const response = await this.fetch(path, parameters, "GET");
    const buffer = await response.arrayBuffer();
    return response.headers.get("content-type") === "video/mp4" ? buffer : answered(buffer);
  }

  async fetch(path, parameters, method) {
    const query = new URLSearchParams(parameters).toString();
    try {
      return await fetch(`${this.base}/${path}${query && `?${query}`}`, { method });
    } catch {
      throw new Problem("The viewer's server does not answer: is `maze view` still running?");
    }
  }
}

/** Asks a notebook's kernel. */
export class KernelSource {
  constructor(model) {
    this.model = model;
    this.isLive = true;
    this.waiting = new Map();
    this.next = 0;
    model.on("msg:custom", (message, buffers) => this.receive(message, buffers));
  }

  async ask(path, parameters = {}, method = "GET") {
    const { buffer } = await this.send(path, parameters, method);
    return answered(buffer);
  }

  async bytes(path, parameters) {
    const { buffer, mediaType } = await this.send(path, parameters, "GET");
    return mediaType === "video/mp4" ? buffer : answered(buffer);
  }

  send(path, parameters, method) {
    const question = this.next++;
    const query = Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key, String(value)]));
    this.model.send({ question, method, path, query });
    return new Promise((resolve) => this.waiting.set(question, resolve));
  }

  receive(message, buffers) {
    const resolve = this.waiting.get(message?.question);
    if (!resolve) return;
    this.waiting.delete(message.question);
    const view = buffers[0];
    // A copy, because arrays have to begin at multiples of their elements.
    const buffer = view instanceof ArrayBuffer ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice().buffer;
    resolve({ buffer, mediaType: message.media_type });
  }
}

/** Looks answers up that a report holds, each compressed, by path. */
export class FileSource {
  constructor(answers) {
    this.answers = answers;
    this.isLive = false;
  }

  async ask(path) {
    return unpack(await this.bytes(path));
  }

  async bytes(path, parameters = {}) {
    const text = this.answers[path];
    if (text === undefined || Number(parameters.from) > 0) {
      if (text !== undefined) return new ArrayBuffer(0);
      throw new Problem("This is not in the report: open the run with maze view to see it.");
    }
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }
}

// Elements and numbers -----------------------------------------------------------------------------------------------

/** Make an element: properties, `on…` listeners, `data`/ARIA attributes, children that are elements or text. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && typeof value !== "string") element[key] = value;
    else element.setAttribute(key === "className" ? "class" : key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const ICONS = {
  first: "M3 3h2v10H3zM13 3v10L6 8z",
  back: "M11 3v10L4 8z",
  play: "M4.5 2.5v11l9-5.5z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  next: "M5 3v10l7-5z",
  last: "M11 3h2v10h-2zM3 3v10l7-5z",
  theme: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM8 3v10A5 5 0 0 1 8 3z",
  help: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zm.9 11H7.2v-1.6h1.7zm1.7-6c-.3.6-.8 1-1.2 1.400-.4.4-.6.6-.6 1.300H7.300c0-1.300.5-1.800 1-2.300.4-.4.8-.7.8-1.200 0-.6-.5-1-1.100-1-.7 0-1.100.4-1.200 1.200H5.200C5.300 4 6.400 3 8 3c1.700 0 2.800 1 2.800 2.300 0 .3-.1.5-.2.7z",
  columns: "M2 3h12v2H2zM2 7h8v2H2zM2 11h5v2H2z",
  more: "M7 3h2v4h4v2H9v4H7V9H3V7h4z",
  less: "M3 7h10v2H3z",
  close: "M4 3l4 4 4-4 1 1-4 4 4 4-1 1-4-4-4 4-1-1 4-4-4-4z",
};

const SVG = "http://www.w3.org/2000/svg";

function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

function logo() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 32 32");
  svg.setAttribute("aria-hidden", "true");
  const ground = document.createElementNS(SVG, "rect");
  for (const [key, value] of Object.entries({ width: 32, height: 32, rx: 8, fill: "#3657c8" })) ground.setAttribute(key, value);
  const way = document.createElementNS(SVG, "path");
  const drawn = { d: "M8 24V8h16v16h-11V13h6v6", fill: "none", stroke: "#fff", "stroke-width": 2.6, "stroke-linecap": "round", "stroke-linejoin": "round" };
  for (const [key, value] of Object.entries(drawn)) way.setAttribute(key, value);
  svg.append(ground, way);
  return svg;
}

function button(label, name, action, properties = {}) {
  const { text, className = "", ...rest } = properties;
  return make(
    "button",
    { type: "button", className: `mz-button ${text ? "" : "mz-icon-only"} ${className}`, "aria-label": text ? undefined : label, title: label, onclick: action, ...rest },
    name ? icon(name) : null,
    text ?? null,
  );
}

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const precise = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });

/** Write a number with as many digits as are worth reading; an en dash where there is none. */
export function written(value, format = precise) {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "string") return value;
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return grouped.format(value).replace("-", "−");
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-4) return value.toExponential(3).replace("-", "−");
  return format.format(value).replace("-", "−");
}

const isNothing = (value) => value === null || value === undefined || Number.isNaN(value);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Run a function once things have been quiet for a while. */
function settled(action, milliseconds) {
  let timer;
  return (...parameters) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...parameters), milliseconds);
  };
}

/** What a browser keeps for the next time, where it may. */
const kept = {
  get(key) {
    try {
      return JSON.parse(localStorage.getItem(`maze-viewer:${key}`));
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(`maze-viewer:${key}`, JSON.stringify(value));
    } catch {
      // Private windows keep nothing.
    }
  },
};

// All episodes of a run ----------------------------------------------------------------------------------------------

/** The episodes of one run, or the pairs of two, as columns that can be sorted and filtered. */
export class Episodes {
  constructor(table) {
    this.n = table.n;
    this.endings = table.endings;
    this.errors = table.errors;
    this.columns = new Map(table.columns.map((column) => [column.name, column]));
    this.numbers = this.values("number");
  }

  values(name) {
    return this.columns.get(name).values;
  }

  /** Names of the columns that can be drawn as a histogram. */
  get figures() {
    return [...this.columns.values()].filter((column) => !["identity", "code"].includes(column.kind)).map((column) => column.name);
  }

  indexOf(number) {
    let low = 0;
    let high = this.n - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (this.numbers[middle] < number) low = middle + 1;
      else if (this.numbers[middle] > number) high = middle - 1;
      else return middle;
    }
    return -1;
  }

  ending(index) {
    return this.endings[this.values("ending")[index]] ?? "";
  }

  /** Add what the same episodes came to in another run: the return there, and by how much it is higher here. */
  pairWith(other) {
    const theirs = new Float64Array(this.n).fill(NaN);
    const seeds = this.values("env_seed");
    const otherSeeds = other.values("env_seed");
    const bySeed = new Map();
    for (let index = other.n - 1; index >= 0; index--) bySeed.set(String(otherSeeds[index]), index);
    this.partner = new Int32Array(this.n).fill(-1);
    for (let index = 0; index < this.n; index++) {
      const sameNumber = other.indexOf(this.numbers[index]);
      const isSame = sameNumber >= 0 && String(otherSeeds[sameNumber]) === String(seeds[index]);
      const match = isSame ? sameNumber : (bySeed.get(String(seeds[index])) ?? -1);
      this.partner[index] = match;
      if (match >= 0) theirs[index] = other.values("return")[match];
    }
    const own = this.values("return");
    this.columns.set("other return", { name: "other return", kind: "figure", values: theirs });
    this.columns.set("difference", { name: "difference", kind: "figure", values: own.map((value, index) => value - theirs[index]) });
  }

  /** Indices of the rows, in an order; rows without a value come last. */
  sorted(rows, name, descending) {
    const values = this.values(name);
    const sign = descending ? -1 : 1;
    const compare = (a, b) => {
      const left = values[a];
      const right = values[b];
      if (left < right) return -sign;
      if (left > right) return sign;
      if (left !== right) return Number(isNothing(left)) - Number(isNothing(right)) || a - b;
      return a - b;
    };
    return rows.sort(compare);
  }

  /** Indices of the rows that pass all tests. */
  filtered(tests) {
    const rows = new Uint32Array(this.n);
    let found = 0;
    for (let index = 0; index < this.n; index++) {
      if (tests.every((test) => test(index))) rows[found++] = index;
    }
    return rows.slice(0, found);
  }

  /** What was typed as tests of rows; throws a `Problem` that says what is not understood. */
  understood(text) {
    const tightened = text.replace(/\s*(<=|>=|!=|==|=|<|>)\s*/g, "$1");
    return tightened.split(/(?:\s+and\s+)|[\s,;]+/i).filter(Boolean).map((word) => this.test(word));
  }

  test(word) {
    const comparison = word.match(/^(.+?)(<=|>=|!=|==|=|<|>)(.+)$/);
    if (!comparison) {
      if (/^#?\d+$/.test(word)) {
        const number = Number(word.replace("#", ""));
        return (index) => Number(this.numbers[index]) === number;
      }
      const code = this.endings.findIndex((ending) => ending.toLowerCase().split(" ").some((part) => part.startsWith(word.toLowerCase())));
      if (code >= 0) {
        const codes = this.values("ending");
        return (index) => codes[index] === code;
      }
      throw new Problem(`“${word}” is no filter: try return<50, length>=100, failed, or a number`);
    }
    const [, name, operator, given] = comparison;
    const values = this.values(this.columnNamed(name));
    const wanted = typeof values[0] === "bigint" ? BigInt(given.match(/^-?\d+$/) ? given : 0) : Number(given);
    if (Number.isNaN(wanted)) throw new Problem(`“${given}” is no number`);
    const tests = {
      "<": (index) => values[index] < wanted,
      ">": (index) => values[index] > wanted,
      "<=": (index) => values[index] <= wanted,
      ">=": (index) => values[index] >= wanted,
      "!=": (index) => values[index] !== wanted,
      "=": (index) => values[index] === wanted,
    };
    return tests[operator === "==" ? "=" : operator];
  }

  columnNamed(typed) {
    const plain = (name) => name.toLowerCase().replaceAll(" ", "_");
    const names = [...this.columns.keys()];
    const wanted = { seed: "env_seed", episode: "number" }[plain(typed)] ?? plain(typed);
    const exact = names.find((name) => plain(name) === wanted);
    const near = names.filter((name) => plain(name).startsWith(wanted));
    const found = exact ?? (near.length === 1 ? near[0] : undefined);
    if (found) return found;
    const some = names.filter((name) => !["ending", "error"].includes(name)).slice(0, 8).join(", ");
    throw new Problem(`There is no “${typed}”: filter by ${some}`);
  }
}

/** Split values into bins of a round width. */
export function bins(values, most = 26) {
  let low = Infinity;
  let high = -Infinity;
  let areWhole = true;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
    if (areWhole && !Number.isInteger(value)) areWhole = false;
  }
  if (low > high) return null;
  const rough = Math.max((high - low) / most, Number.EPSILON * Math.max(Math.abs(high), 1));
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  let width = [1, 2, 2.5, 5, 10].map((step) => step * magnitude).find((step) => step >= rough * 0.999);
  if (areWhole) width = Math.max(1, Math.ceil(width));
  if (high === low) width = areWhole ? 1 : Math.max(Math.abs(low) * 0.1, 1e-9);
  const around = high === low ? 4 : 0; // a single value stands in the middle
  const start = (Math.floor(low / width) - around) * width;
  const n = Math.max(1, Math.floor((high - start) / width + 1e-9) + 1 + around);
  return { start, width, n, of: (value) => (Number.isFinite(value) ? clamp(Math.floor((value - start) / width + 1e-9), 0, n - 1) : -1) };
}

// The list on the left -----------------------------------------------------------------------------------------------

const ENTRY_HEIGHT = 30;

/** Histogram, filter and table of the episodes; calls `onChoose` with an episode's index. */
class EpisodeList {
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.figure = "return";
    this.order = { name: "number", descending: false };
    this.range = null;
    this.typed = [];
    this.rows = new Uint32Array(0);
    this.chosen = -1;
    this.build();
  }

  build() {
    this.figures = make("dl", { className: "mz-figures" });
    this.figureChoice = make("select", { "aria-label": "Figure in histogram and table", onchange: () => this.chooseFigure(this.figureChoice.value) });
    this.bars = make("div", { className: "mz-bars", role: "group", "aria-label": "Histogram: bars filter the episodes" });
    this.axis = make("div", { className: "mz-axis", "aria-hidden": "true" });
    this.input = make("input", {
      type: "search", placeholder: "return<50, failed, 17 …", "aria-label": "Filter episodes", spellcheck: "false", autocomplete: "off",
      oninput: settled(() => this.readFilter(), 120),
    });
    this.clear = button("Show all episodes", null, () => this.reset(), { text: "Clear", hidden: true });
    this.hint = make("div", { className: "mz-hint", role: "status" });
    this.header = make("div", { className: "mz-columns", role: "row" });
    this.spacer = make("div", { className: "mz-spacer", role: "presentation" });
    this.scroller = make("div", { className: "mz-scroller", role: "rowgroup", onscroll: () => this.scheduleDraw() }, this.spacer);
    this.grid = make(
      "div",
      { className: "mz-grid", role: "grid", "aria-label": "Episodes", tabIndex: 0, onkeydown: (event) => this.press(event) },
      this.header,
      this.scroller,
    );
    this.element = make(
      "aside",
      { className: "mz-panel", "aria-label": "Episodes" },
      make(
        "div",
        { className: "mz-list-head" },
        make("div", { className: "mz-heading" }, make("h2", {}, "Episodes"), this.figureChoice),
        this.figures,
        make("div", { className: "mz-histogram" }, this.bars, this.axis),
        make("div", { className: "mz-filter" }, this.input, this.clear, this.hint),
      ),
      this.grid,
    );
    this.bars.addEventListener("pointerdown", (event) => this.beginRange(event));
    new ResizeObserver(() => this.scheduleDraw()).observe(this.scroller);
  }

  show(episodes, isComparing) {
    this.isComparing = isComparing;
    this.episodes = episodes;
    const figures = episodes.figures;
    if (!figures.includes(this.figure)) this.figure = "return";
    if (isComparing && !this.wasComparing) this.figure = "difference";
    if (!isComparing && this.wasComparing) this.figure = "return";
    this.wasComparing = isComparing;
    if (!episodes.columns.has(this.order.name)) this.order = { name: "number", descending: false };
    this.figureChoice.replaceChildren(...figures.map((name) => make("option", { value: name, selected: name === this.figure }, name)));
    this.figureChoice.value = this.figure;
    this.drawHeader();
    this.readFilter();
  }

  // Which episodes, in which order

  readFilter() {
    if (!this.episodes) return;
    const problems = [];
    try {
      this.typed = this.episodes.understood(this.input.value);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.typed = [];
      problems.push(problem.message);
    }
    this.input.setAttribute("aria-invalid", String(problems.length > 0));
    this.hint.classList.toggle("mz-bad", problems.length > 0);
    this.hint.textContent = problems[0] ?? "";
    this.select();
  }

  select() {
    const { episodes } = this;
    const values = episodes.values(this.figure);
    this.bins = bins(values);
    const tests = [...this.typed];
    if (this.range && this.bins) {
      const [low, high] = this.range;
      tests.push((index) => {
        const bin = this.bins.of(values[index]);
        return bin >= low && bin <= high;
      });
    }
    this.rows = episodes.sorted(tests.length ? episodes.filtered(tests) : Uint32Array.from({ length: episodes.n }, (_, index) => index), this.order.name, this.order.descending);
    const isFiltered = tests.length > 0;
    this.clear.hidden = !isFiltered;
    if (isFiltered && !this.hint.classList.contains("mz-bad")) {
      this.hint.textContent = `${grouped.format(this.rows.length)} of ${grouped.format(episodes.n)} episodes`;
    } else if (!isFiltered && !this.hint.classList.contains("mz-bad")) this.hint.textContent = "";
    this.grid.setAttribute("aria-rowcount", String(this.rows.length + 1));
    this.drawFigures(values);
    this.drawHistogram(values);
    this.scheduleDraw();
  }

  chooseFigure(name) {
    this.figure = name;
    this.range = null;
    this.drawHeader();
    this.select();
  }

  orderBy(name) {
    const isSame = this.order.name === name;
    this.order = { name, descending: isSame ? !this.order.descending : !["number", "ending"].includes(name) };
    this.drawHeader();
    this.scroller.scrollTop = 0;
    this.select();
  }

  reset() {
    this.input.value = "";
    this.range = null;
    this.readFilter();
  }

  /** Go to a neighbour in the order of the table. */
  move(by) {
    if (!this.rows.length) return;
    const at = this.rows.indexOf(this.chosen);
    const to = at < 0 ? 0 : clamp(at + by, 0, this.rows.length - 1);
    this.onChoose(this.rows[to]);
  }

  /** Mark an episode, and bring it into view. */
  mark(index) {
    this.chosen = index;
    const at = this.rows.indexOf(index);
    if (at >= 0) {
      const top = at * ENTRY_HEIGHT;
      const { scrollTop, clientHeight } = this.scroller;
      if (top < scrollTop) this.scroller.scrollTop = top;
      else if (clientHeight && top + ENTRY_HEIGHT > scrollTop + clientHeight) this.scroller.scrollTop = top + ENTRY_HEIGHT - clientHeight;
    }
    this.scheduleDraw();
  }

  press(event) {
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ENTRY_HEIGHT) - 1);
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page }[event.key];
    if (by === undefined || event.target !== this.grid) return;
    event.preventDefault();
    event.stopPropagation();
    this.move(by);
  }

  // Drawing

  drawFigures(values) {
    const shown = [];
    for (const index of this.rows) if (!Number.isNaN(values[index])) shown.push(values[index]);
    shown.sort((a, b) => a - b);
    const n = shown.length;
    const median = n ? (shown[(n - 1) >> 1] + shown[n >> 1]) / 2 : NaN;
    const mean = n ? shown.reduce((sum, value) => sum + value, 0) / n : NaN;
    const pairs = [["Mean", mean], ["Median", median], ["Lowest", n ? shown[0] : NaN], ["Highest", n ? shown[n - 1] : NaN]];
    this.figures.replaceChildren(...pairs.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, written(value, short)))));
  }

  drawHistogram(values) {
    const { bins: scale } = this;
    if (!scale) {
      this.bars.replaceChildren();
      this.axis.replaceChildren("no values");
      return;
    }
    const all = new Uint32Array(scale.n);
    const passing = new Uint32Array(scale.n);
    for (const value of values) if (!Number.isNaN(value)) all[scale.of(value)]++;
    for (const index of this.rows) if (!Number.isNaN(values[index])) passing[scale.of(values[index])]++;
    const highest = Math.max(...all, 1);
    const edge = (bin) => written(Number((scale.start + bin * scale.width).toPrecision(12)), short);
    if (this.bars.childElementCount !== scale.n) {
      this.bars.replaceChildren(...Array.from(all, (_, bin) => make("button", { type: "button", tabIndex: bin ? -1 : 0, "data-bin": String(bin), onkeydown: (event) => this.pressBar(event, bin), onclick: (event) => event.detail === 0 && this.toggle(bin, bin) }, make("i"), make("i"))));
    }
    [...this.bars.children].forEach((bar, bin) => {
      const isIn = this.range !== null && bin >= this.range[0] && bin <= this.range[1];
      bar.setAttribute("aria-pressed", String(isIn));
      const label = `${this.figure} from ${edge(bin)} to ${edge(bin + 1)}: ${grouped.format(all[bin])} episodes`;
      bar.setAttribute("aria-label", label);
      bar.title = label;
      [all, passing].forEach((counts, at) => bar.children[at].style.setProperty("--height", String(counts[bin] ? Math.max(counts[bin] / highest, 0.03) : 0)));
    });
    this.axis.replaceChildren(make("span", {}, edge(0)), make("span", {}, this.figure), make("span", {}, edge(scale.n)));
  }

  pressBar(event, bin) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.bars.children[clamp(bin + by, 0, this.bars.childElementCount - 1)].focus();
  }

  toggle(from, to) {
    const wanted = [Math.min(from, to), Math.max(from, to)];
    const isSame = this.range && this.range[0] === wanted[0] && this.range[1] === wanted[1];
    this.range = isSame ? null : wanted;
    this.scroller.scrollTop = 0;
    this.select();
  }

  beginRange(event) {
    const binAt = (x) => {
      const { left, width } = this.bars.getBoundingClientRect();
      return clamp(Math.floor(((x - left) / width) * this.bars.childElementCount), 0, this.bars.childElementCount - 1);
    };
    if (event.button !== 0 || !this.bars.childElementCount) return;
    const from = binAt(event.clientX);
    const before = this.range;
    let to = from;
    const drag = (moved) => {
      to = binAt(moved.clientX);
      if (to === from) return;
      this.range = [Math.min(from, to), Math.max(from, to)];
      this.select();
    };
    const end = () => {
      window.removeEventListener("pointermove", drag);
      if (to === from) {
        this.range = before;
        this.toggle(from, to);
      }
    };
    window.addEventListener("pointermove", drag);
    window.addEventListener("pointerup", end, { once: true });
  }

  /** Columns of the table: name of the column, title, how an entry is written. */
  get shownColumns() {
    const { episodes } = this;
    const figure = (name) => (index) => {
      const value = written(episodes.values(name)[index], short);
      return episodes.values("error")[index] >= 0 && name === "return" ? "failed" : value;
    };
    if (this.isComparing) {
      return [["number", "#", figure("number")], ["return", "Return A", figure("return")], ["other return", "Return B", figure("other return")], ["difference", "A − B", figure("difference")]];
    }
    const columns = [["number", "#", figure("number")], ["return", "Return", figure("return")], ["length", "Length", figure("length")]];
    const isFurther = !["return", "length"].includes(this.figure);
    return [...columns, isFurther ? [this.figure, this.figure, figure(this.figure)] : ["ending", "End", (index) => episodes.ending(index)]];
  }

  drawHeader() {
    const widths = this.isComparing ? "0.8fr 1fr 1fr 1fr" : "0.8fr 1fr 0.9fr 1.25fr";
    this.element.style.setProperty("--columns", widths);
    this.header.replaceChildren(...this.shownColumns.map(([name, title]) => {
      const isOrder = this.order.name === name;
      const direction = this.order.descending ? "descending" : "ascending";
      return make("div", { role: "columnheader", "aria-sort": isOrder ? direction : "none" }, make("button", { type: "button", onclick: () => this.orderBy(name), title: `Sort by ${name}` }, make("span", {}, title), make("i", { "aria-hidden": "true" }, isOrder ? (this.order.descending ? "▼" : "▲") : "")));
    }));
  }

  scheduleDraw() {
    this.isScheduled ||= requestAnimationFrame(() => {
      this.isScheduled = 0;
      this.drawRows();
    });
  }

  drawRows() {
    if (!this.episodes) return;
    const { scrollTop, clientHeight } = this.scroller;
    this.spacer.style.height = `${this.rows.length * ENTRY_HEIGHT}px`;
    const first = Math.max(0, Math.floor(scrollTop / ENTRY_HEIGHT) - 4);
    const last = Math.min(this.rows.length, Math.ceil((scrollTop + clientHeight) / ENTRY_HEIGHT) + 4);
    const columns = this.shownColumns;
    const entries = [];
    for (let at = first; at < last; at++) entries.push(this.entry(at, columns));
    if (!this.rows.length) entries.push(make("div", { className: "mz-empty" }, this.episodes.n ? "No episode passes this filter." : "No episodes yet."));
    this.spacer.replaceChildren(...entries);
    const chosen = this.spacer.querySelector("[aria-selected=true]");
    if (chosen) this.grid.setAttribute("aria-activedescendant", chosen.id);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  entry(at, columns) {
    const index = this.rows[at];
    const hasFailed = this.episodes.values("error")[index] >= 0;
    const cells = columns.map(([name, , text]) => {
      const difference = name === "difference" ? this.episodes.values(name)[index] : 0;
      const kinds = [name === "ending" && "mz-word", difference > 0 && "mz-up", difference < 0 && "mz-down", hasFailed && name !== "number" && "mz-failed"];
      return make("span", { role: "gridcell", className: kinds.filter(Boolean).join(" ") }, text(index));
    });
    const entry = make("div", { className: "mz-entry", role: "row", id: `mz-entry-${index}`, "aria-rowindex": String(at + 2), "aria-selected": String(index === this.chosen), onclick: () => this.onChoose(index) }, cells);
    if (hasFailed) entry.title = this.episodes.errors[this.episodes.values("error")[index]];
    entry.style.top = `${at * ENTRY_HEIGHT}px`;
    return entry;
  }
}

// The picture --------------------------------------------------------------------------------------------------------

const VIDEO_KIND = 'video/mp4; codecs="avc1.4D4028"';

/** The film of one episode: grows while the episode is played again, shows any of its frames. */
class Film {
  constructor(source, path, onChange) {
    this.source = source;
    this.path = path;
    this.onChange = onChange;
    this.progress = { state: "none", n_frames: 0, n_total: 0 };
    this.video = make("video", { muted: true, playsInline: true, preload: "auto", tabIndex: -1, "aria-label": "Rendered episode" });
    this.video.disableRemotePlayback = true;
    // Before it knows the film's length, which may come after the last piece, a video cannot be sought in.
    for (const event of ["loadedmetadata", "seeked"]) this.video.addEventListener(event, () => this.seekOn());
    this.isClosed = false;
    this.wanted = 0;
    this.received = 0;
    /** The frame that is on the screen; -1 before the first. */
    this.shownFrame = -1;
    this.noteFrame();
  }

  /** Asking for each frame also has browsers draw it that save themselves the trouble for videos which do not play. */
  noteFrame() {
    this.video.requestVideoFrameCallback?.((now, { mediaTime }) => {
      this.shownFrame = Math.round(mediaTime * this.fps);
      if (!this.isClosed) this.noteFrame();
    });
  }

  get fps() {
    return this.progress.fps ?? 30;
  }

  get stride() {
    return this.progress.stride ?? 1;
  }

  get isShown() {
    return this.video.readyState >= HTMLMediaElement.HAVE_METADATA;
  }

  /** See whether there is a film; with `starts`, have one made. */
  async open(starts) {
    try {
      this.progress = await this.source.ask(`${this.path}/frames`, {}, starts ? "POST" : "GET");
      this.onChange(this);
      if (["working", "ready"].includes(this.progress.state)) await this.receive();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.progress = { ...this.progress, state: "failed", message: problem.message };
      this.onChange(this);
    }
  }

  async receive() {
    const sink = await this.sink();
    while (!this.isClosed) {
      const { state } = this.progress;
      for (;;) {
        const piece = await this.source.bytes(`${this.path}/video`, { from: this.received });
        if (this.isClosed) return;
        if (!piece.byteLength) break;
        this.received += piece.byteLength;
        await sink.add(piece);
        this.show(this.wanted);
      }
      if (state !== "working") break;
      await pause(this.received ? 120 : 30);
      this.progress = await this.source.ask(`${this.path}/frames`);
      this.onChange(this);
    }
    if (this.progress.state === "ready") sink.finish();
    this.show(this.wanted);
    this.onChange(this);
  }

  /** Where pieces go: into the video as they come, or, in browsers that cannot do that, all together at the end. */
  async sink() {
    const Media = window.ManagedMediaSource ?? window.MediaSource;
    if (!Media?.isTypeSupported(VIDEO_KIND)) {
      const pieces = [];
      return { add: async (piece) => pieces.push(piece), finish: () => (this.video.src = URL.createObjectURL(new Blob(pieces, { type: "video/mp4" }))) };
    }
    const media = new Media();
    this.video.src = URL.createObjectURL(media);
    await new Promise((resolve) => media.addEventListener("sourceopen", resolve, { once: true }));
    const buffer = media.addSourceBuffer(VIDEO_KIND);
    const add = (piece) =>
      new Promise((resolve, reject) => {
        buffer.addEventListener("updateend", resolve, { once: true });
        buffer.addEventListener("error", () => reject(new Problem("this browser cannot show the film")), { once: true });
        buffer.appendBuffer(piece);
      });
    return { add, finish: () => media.readyState === "open" && media.endOfStream() };
  }

  frameOf(position) {
    return Math.floor(position / this.stride);
  }

  /** Position of what is shown now. */
  get position() {
    return Math.floor(this.video.currentTime * this.fps + 1e-3) * this.stride;
  }

  show(position) {
    this.wanted = position;
    if (this.isShown && !this.video.seeking) this.seekOn();
  }

  seekOn() {
    if (!this.video.paused) return;
    const last = Math.max((this.progress.n_frames || 1) - 1, 0);
    const time = (Math.min(this.frameOf(this.wanted), last) + 0.5) / this.fps;
    if (Math.abs(this.video.currentTime - time) > 0.25 / this.fps) this.video.currentTime = time;
  }

  play(speed) {
    this.video.playbackRate = clamp(speed, 0.0625, 16);
    this.video.play().catch(() => {}); // the page may have gone on to another episode
  }

  pause() {
    this.video.pause();
    this.show(this.wanted);
  }

  close() {
    this.isClosed = true;
    this.video.pause();
    if (this.video.src) URL.revokeObjectURL(this.video.src);
    this.video.removeAttribute("src");
    this.video.remove();
  }
}

// Curves -------------------------------------------------------------------------------------------------------------

const MOST_LANES = 40;
const N_NEAR = 500; // exact values that are read on either side of the cursor
const N_LANE_COLOURS = 5;

/** Reward, return, events, actions, what the policy told, and observations over the steps, under one cursor. */
class Plots {
  constructor(viewer) {
    this.viewer = viewer;
    this.window = [0, 1];
    this.forgetCurves();
    this.rows = [];
    this.followed = null;
    this.colours = {};
    this.build();
  }

  build() {
    this.range = make("input", { type: "range", min: 0, max: 1, step: 1, value: "0", "aria-label": "Step" });
    this.range.addEventListener("input", () => this.viewer.goTo(Number(this.range.value)));
    this.track = make("div", { className: "mz-scrub-track" }, this.range);
    this.scrub = make("div", { className: "mz-scrub" }, this.track);
    this.cursorLine = make("i");
    this.divergedLine = make("i", { className: "mz-diverged", hidden: true });
    this.cursor = make("div", { className: "mz-cursor", "aria-hidden": "true" }, this.cursorLine, this.divergedLine);
    this.stack = make("div", { className: "mz-rows" }, this.cursor);
    this.scale = make("div", { className: "mz-scale", "aria-hidden": "true" }, make("span"), make("span"), make("span"));
    this.element = make("div", { className: "mz-plots" }, this.scrub, this.stack, this.scale);
    this.stack.addEventListener("pointerdown", (event) => this.drag(event));
    this.stack.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    new ResizeObserver(() => this.resize()).observe(this.element);
  }

  /** Begin with an episode: which rows there are; gives a promise of their curves. */
  show(rows, n) {
    this.n = n;
    this.window = [0, Math.max(n, 1)];
    this.forgetCurves();
    this.range.max = String(n);
    return this.setRows(rows);
  }

  /** Change which rows there are. */
  setRows(rows) {
    this.rows = rows.map((row) => this.row(row));
    this.stack.replaceChildren(...this.rows.map((row) => row.element), this.cursor);
    return this.load();
  }

  /** Of either run what is drawn, and the values around the cursor, where what is drawn leaves some out. */
  forgetCurves() {
    this.curves = [new Map(), new Map()];
    this.near = [new Map(), new Map()];
    this.nearRange = [0, 0];
  }

  row(row) {
    const canvas = make("canvas", { role: "img", "aria-label": `${row.label} over the steps` });
    canvas.style.setProperty("--tall", `${row.tall}px`);
    const read = make("div", { className: "mz-read" });
    const name = row.lane
      ? make("button", { type: "button", className: "mz-name", title: `${row.label}: ${grouped.format(row.lane.count)} times. The keys [ and ] go to those of it alone.`, "aria-pressed": "false", onclick: () => this.follow(row.label) }, make("i"), row.label)
      : make("div", { className: "mz-name", title: row.title ?? row.label }, row.isCode ? make("code", {}, row.label) : row.label, row.note ? make("small", {}, row.note) : null);
    if (row.lane) name.style.setProperty("--lane", `var(--event-${row.colour})`);
    const element = make("div", { className: `mz-row${row.startsSection ? " mz-section" : ""}` }, name, canvas, read);
    return { ...row, canvas, read, element, name };
  }

  follow(label) {
    this.followed = this.followed === label ? null : label;
    for (const row of this.rows) if (row.lane) row.name.setAttribute("aria-pressed", String(row.label === this.followed));
  }

  /** Steps at which the followed events, or any, happened. */
  get eventSteps() {
    const lanes = this.rows.filter((row) => row.lane && (this.followed === null || row.label === this.followed));
    return lanes.map((row) => row.lane.steps);
  }

  // Fetching

  get nPoints() {
    return clamp(Math.round((this.stack.clientWidth || 800) * 2), 1000, 4000);
  }

  fetch = settled(() => this.load(), 30);

  /** Read the curves of the window. */
  async load() {
    const [from, to] = this.window;
    const margin = this.isWhole ? 0 : Math.ceil((to - from) / 4);
    this.loadedPoints = this.nPoints;
    this.isThinned = to - from + 2 * margin > this.nPoints;
    await this.read(this.curves, Math.max(0, Math.floor(from) - margin), Math.ceil(to) + margin, this.nPoints);
    this.draw();
  }

  /** Read the values around the cursor, of which the curves show the highest and lowest alone. */
  loadNear = settled(async () => {
    const range = [Math.max(0, this.viewer.position - N_NEAR), this.viewer.position + N_NEAR];
    const near = [new Map(), new Map()];
    await this.read(near, ...range, 2 * N_NEAR);
    Object.assign(this, { near, nearRange: range });
    this.readOut(this.viewer.position);
  }, 60);

  async read(curves, start, stop, nPoints) {
    const names = this.rows.filter((row) => row.curve !== undefined).map((row) => row.curve);
    const { viewer, rows } = this;
    await Promise.all(viewer.shownEpisodes.map(async (episode, at) => {
      if (!episode || !names.length) return;
      try {
        const found = await viewer.curves(at, episode, names, start, Math.min(stop, episode.n_decisions), nPoints);
        if (rows === this.rows && viewer.shownEpisodes[at] === episode) curves[at] = new Map(Object.entries(found));
      } catch (problem) {
        viewer.explain(problem);
      }
    }));
  }

  get isWhole() {
    return this.window[0] <= 0 && this.window[1] >= this.n;
  }

  // Zooming

  zoom(factor, around = this.viewer.position) {
    const [from, to] = this.window;
    const size = clamp((to - from) * factor, Math.min(8, this.n || 1), this.n || 1);
    const share = (around - from) / (to - from || 1);
    this.setWindow(around - size * clamp(share, 0, 1), size);
  }

  setWindow(from, size) {
    const start = clamp(from, 0, Math.max(this.n - size, 0));
    this.window = [start, start + size];
    this.draw();
    this.fetch();
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.positionAt(event.clientX, false));
  }

  // The cursor

  positionAt(x, isWhole = true) {
    const { left, width } = this.cursor.getBoundingClientRect();
    const [from, to] = this.window;
    const position = from + clamp((x - left) / (width || 1), 0, 1) * (to - from);
    return isWhole ? clamp(Math.round(position), 0, this.n) : position;
  }

  drag(event) {
    if (event.button !== 0 || event.target.closest("button")) return;
    const lane = this.rows.find((row) => row.lane && row.canvas === event.target);
    const go = (at) => this.viewer.goTo(this.positionAt(at.clientX));
    if (lane) this.viewer.goTo(this.nearestEvent(lane, event.clientX));
    else go(event);
    event.preventDefault();
    const end = () => window.removeEventListener("pointermove", go);
    if (!lane) window.addEventListener("pointermove", go);
    window.addEventListener("pointerup", end, { once: true });
    window.addEventListener("pointercancel", end, { once: true });
  }

  /** The step of the event that was clicked, or the one under the pointer where there is none near. */
  nearestEvent(row, x) {
    const exact = this.positionAt(x);
    const { width } = this.cursor.getBoundingClientRect();
    const reach = Math.max(1, ((this.window[1] - this.window[0]) / (width || 1)) * 12);
    let nearest = exact;
    let distance = reach;
    for (const step of row.lane.steps) {
      if (Math.abs(step - exact) <= distance) {
        distance = Math.abs(step - exact);
        nearest = step;
      }
    }
    return nearest;
  }

  /** Put the cursor on a position. */
  point(position) {
    const [from, to] = this.window;
    if (position < from || position > to) this.setWindow(position - (to - from) / 2, to - from);
    this.range.value = String(position);
    this.range.style.setProperty("--done", String(this.n ? position / this.n : 0));
    this.range.setAttribute("aria-valuetext", position >= this.n ? `end, after ${this.n} steps` : `step ${position} of ${this.n}`);
    this.cursorLine.style.setProperty("--at", String(this.share(position)));
    this.readOut(position);
    if (this.isThinned && this.curves[0].size && (position < this.nearRange[0] || position >= this.nearRange[1])) this.loadNear();
  }

  share(position) {
    const [from, to] = this.window;
    return (position - from) / (to - from || 1);
  }

  readOut(position) {
    for (const row of this.rows) {
      if (row.curve === undefined) continue;
      const texts = this.viewer.shownEpisodes.map((episode, at) => {
        const curve = this.curves[at].get(row.curve);
        if (!episode || !curve) return null;
        const isThere = position < episode.n_decisions || row.curve === "return";
        return make("span", { className: at ? "mz-b" : "mz-a" }, isThere ? this.valueAt(curve, this.near[at].get(row.curve), position, row.nValues) : "–");
      });
      row.read.replaceChildren(...texts.filter(Boolean));
    }
  }

  /** The value at a position as text; about that, as long as only the highest and lowest around it are known. */
  valueAt(curve, near, position, nValues) {
    const isNear = position >= this.nearRange[0] && position < this.nearRange[1];
    const exact = !this.isThinned ? curve : isNear ? near : undefined;
    for (const known of [exact, curve]) {
      const index = known ? lastAtOrBefore(known.steps, position) : -1;
      if (index >= 0) return `${known === exact ? "" : "≈ "}${nValues > 1 ? peak(known, nValues, index) : written(known.values[index], short)}`;
    }
    return "–";
  }

  mark(step, className, label) {
    this.track.querySelectorAll(`.mz-mark.${className}`).forEach((mark) => mark.remove());
    if (step === null || step === undefined) return;
    const mark = make("div", { className: `mz-mark ${className}`, title: label });
    mark.style.setProperty("--at", String(this.n ? step / this.n : 0));
    this.track.append(mark);
  }

  // Drawing

  resize() {
    if (!this.rows.length) return;
    this.draw();
    if (this.nPoints !== this.loadedPoints) this.fetch();
  }

  /** The colours of the theme; a canvas cannot use the style sheet's variables. */
  readColours() {
    const probe = make("i");
    this.element.append(probe);
    const names = ["one", "other", "line", "ink", "ink-faint", ...Array.from({ length: N_LANE_COLOURS }, (_, colour) => `event-${colour}`)];
    for (const name of names) {
      probe.style.color = `var(--${name})`;
      this.colours[name] = getComputedStyle(probe).color;
    }
    probe.remove();
  }

  draw = () => {
    this.isScheduled ||= requestAnimationFrame(() => {
      this.isScheduled = 0;
      this.readColours();
      for (const row of this.rows) this.drawRow(row);
      const [from, to] = this.window;
      const marks = [from, (from + to) / 2, to].map((position) => grouped.format(Math.round(position)));
      [...this.scale.children].forEach((mark, at) => (mark.textContent = marks[at]));
      this.drawWindow();
      const { divergence } = this.viewer;
      this.divergedLine.hidden = divergence === null || divergence < from || divergence > to;
      if (divergence !== null) this.divergedLine.style.setProperty("--at", String(this.share(divergence)));
      this.point(this.viewer.position);
    });
  };

  drawWindow() {
    let bar = this.track.querySelector(".mz-window");
    if (this.isWhole) return bar?.remove();
    bar ??= this.track.appendChild(make("div", { className: "mz-window" }));
    bar.style.setProperty("--from", String(this.window[0] / this.n));
    bar.style.setProperty("--to", String(this.window[1] / this.n));
    return undefined;
  }

  drawRow(row) {
    const width = row.canvas.clientWidth;
    const ratio = window.devicePixelRatio || 1;
    row.canvas.width = Math.round(width * ratio);
    row.canvas.height = Math.round(row.tall * ratio);
    const context = row.canvas.getContext("2d");
    context.scale(ratio, ratio);
    if (row.lane) return this.drawLane(context, row, width);
    if (row.nValues > 1) return this.drawStrips(context, row, width);
    const curves = this.viewer.shownEpisodes.map((episode, at) => episode && this.curves[at].get(row.curve)).filter(Boolean);
    if (!curves.length) return undefined;
    const [low, high] = extent(curves);
    const margin = (high - low) * 0.12 || Math.max(Math.abs(high) * 0.1, 0.5);
    const yOf = (value) => row.tall - 3 - ((value - (low - margin)) / (high - low + 2 * margin)) * (row.tall - 6);
    const xOf = (step) => this.share(step) * width;
    if (low < 0 && high > 0) {
      context.strokeStyle = this.colours.line;
      line(context, 0, yOf(0), width, yOf(0));
    }
    this.viewer.shownEpisodes.forEach((episode, at) => {
      const curve = episode && this.curves[at].get(row.curve);
      if (curve) drawCurve(context, curve, row.drawing, xOf, yOf, this.colours[at ? "other" : "one"], at);
    });
    return undefined;
  }

  /** Arrays as bands of colour, the stronger the greater their values, and a line where the action is that was taken. */
  drawStrips(context, row, width) {
    const shown = [0, 1].filter((at) => this.viewer.shownEpisodes[at] && this.curves[at].has(row.curve));
    const [low, high] = extent(shown.map((at) => this.curves[at].get(row.curve)));
    const [from, to] = low >= 0 && high <= 1 ? [0, 1] : [low, high];
    const xOf = (step) => this.share(step) * width;
    const band = (row.tall - 6) / row.nValues / shown.length;
    shown.forEach((at, place) => {
      const top = 3 + place * band * row.nValues;
      const { steps, values } = this.curves[at].get(row.curve);
      context.fillStyle = this.colours[at ? "other" : "one"];
      eachStretch(steps, xOf, width, (index, x, wide) => {
        for (let value = 0; value < row.nValues; value++) {
          context.globalAlpha = clamp((values[index * row.nValues + value] - from) / (to - from || 1), 0, 1) || 0;
          context.fillRect(x, top + value * band, wide, band > 4 ? band - 1 : band);
        }
      });
      context.globalAlpha = 1;
      const taken = this.curves[at].get(row.taken);
      if (!taken?.steps.length || band < 4 || taken.steps.length * 3 > xOf(taken.steps.at(-1)) - xOf(taken.steps[0])) return;
      context.fillStyle = this.colours.ink;
      eachStretch(taken.steps, xOf, width, (index, x, wide) => {
        if (taken.values[index] >= 0 && taken.values[index] < row.nValues) context.fillRect(x, top + (taken.values[index] + 0.5) * band - 1.5, wide, 2);
      });
    });
  }

  drawLane(context, row, width) {
    context.strokeStyle = this.colours.line;
    line(context, 0, row.tall - 0.5, width, row.tall - 0.5);
    context.fillStyle = this.colours[`event-${row.colour}`];
    const isDense = row.lane.steps.length * 4 > width * (this.n / (this.window[1] - this.window[0] || 1));
    let before = -Infinity;
    for (const step of row.lane.steps) {
      const x = Math.round(this.share(step) * width);
      if (x === before || x < -2 || x > width + 2) continue;
      if (isDense) context.fillRect(x, 6, 0.6, row.tall - 12);
      else context.fillRect(x - 1, 4, 2, row.tall - 8);
      before = x;
    }
    row.read.textContent = grouped.format(row.lane.count);
  }
}

function line(context, fromX, fromY, toX, toY) {
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
}

/** Call something with each visible point of a curve, where it begins and how wide it is up to the next one. */
function eachStretch(steps, xOf, width, call) {
  for (let index = 0; index < steps.length; index++) {
    const x = xOf(steps[index]);
    const end = xOf(index + 1 < steps.length ? steps[index + 1] : steps[index] + 1);
    if (end >= 0 && x <= width) call(index, x, Math.max(end - x, 0.6));
  }
}

/** Which value of an array is the greatest, and how great. */
function peak({ values }, nValues, index) {
  const array = values.subarray(index * nValues, (index + 1) * nValues);
  const best = array.indexOf(Math.max(...array));
  return best < 0 ? "–" : `${best}: ${written(array[best], short)}`;
}

function extent(curves) {
  let low = Infinity;
  let high = -Infinity;
  for (const { values } of curves) {
    for (const value of values) {
      if (value < low && value > -Infinity) low = value;
      if (value > high && value < Infinity) high = value;
    }
  }
  return low > high ? [0, 0] : [low, high];
}

function drawCurve(context, { steps, values }, drawing, xOf, yOf, colour, at) {
  context.strokeStyle = colour;
  const pointsApart = (xOf(steps[steps.length - 1] ?? 0) - xOf(steps[0] ?? 0)) / steps.length;
  const isDense = steps.length > 1 && pointsApart < (drawing === "steps" ? 2.5 : 0.9);
  context.lineWidth = isDense ? 0.7 : at ? 1.2 : 1.5;
  context.lineJoin = "round";
  context.beginPath();
  for (let index = 0; index < steps.length; index++) {
    const x = xOf(steps[index]);
    const y = yOf(values[index]);
    if (index === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
    if (drawing === "steps") context.lineTo(index + 1 < steps.length ? xOf(steps[index + 1]) : xOf(steps[index] + 1), y);
  }
  context.stroke();
  if (steps.length === 1) {
    context.fillStyle = colour;
    context.fillRect(xOf(steps[0]) - 1, yOf(values[0]) - 1, 3, 3);
  }
}

function lastAtOrBefore(steps, position) {
  let low = 0;
  let high = steps.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (steps[middle] <= position) low = middle + 1;
    else high = middle - 1;
  }
  return high;
}

// The record of a step -----------------------------------------------------------------------------------------------

/** Everything that was recorded of the step under the cursor; in a comparison, both where they differ. */
class RecordPanel {
  constructor() {
    this.title = make("h2", {}, "Step");
    this.note = make("span");
    this.body = make("div", { className: "mz-record-body", tabIndex: 0, role: "region", "aria-label": "Record of the step" });
    this.element = make("aside", { className: "mz-panel", "aria-label": "Step" }, make("div", { className: "mz-record-head" }, this.title, this.note), this.body);
  }

  say(text) {
    this.title.textContent = "Step";
    this.note.textContent = "";
    this.body.replaceChildren(make("div", { className: "mz-empty" }, text));
  }

  /** Show the record of one episode, and beside it that of another at the same position, if there is one. */
  show(position, record, other, laneColours, state, figures) {
    const isEnd = record !== null && record.final_observations !== undefined;
    this.title.textContent = isEnd ? "End" : `Step ${grouped.format(position)}`;
    this.note.textContent = isEnd || record === null ? "" : [record.actor, `time ${written(record.time)}`].filter(Boolean).join(", ");
    const parts = record === null ? [make("div", { className: "mz-empty" }, "This episode has ended before.")] : isEnd ? this.endParts(record) : this.parts(record, other?.final_observations ? null : other, laneColours);
    if (state) parts.push(part("State", make("div", { className: "mz-tree" }, tree(state))));
    parts.push(figures);
    const { scrollTop } = this.body;
    this.body.replaceChildren(...parts);
    this.body.scrollTop = scrollTop;
  }

  parts(record, other, laneColours) {
    const numbers = [["Reward", record.reward, other?.reward], ["Return so far", record.return, other?.return]];
    if (record.credit !== null) numbers.splice(1, 0, ["Credit", record.credit, other?.credit]);
    const pairs = numbers.map(([name, value, theirs]) => [make("dt", {}, name), make("dd", {}, written(value), theirs !== undefined && theirs !== value ? make("span", { className: "mz-b" }, `B ${written(theirs)}`) : null)]);
    for (const flag of ["terminated", "truncated"]) if (record[flag]) pairs.push([make("dt", {}, flag), make("dd", {}, "yes")]);
    const legal = record.legal.map((mask) => make("div", { className: "mz-leaf" }, make("span", { className: "mz-key" }, mask.action === null ? "legal" : `legal ${mask.action}`), make("span", {}, mask.values.map((values) => values.join(", ")).join(" | ") || "unknown")));
    const action = make("div", { className: "mz-tree" }, tree(record.action, other?.action, "taken"), legal);
    const events = record.events.map((event) => this.event(event, laneColours));
    return [
      part("Outcome", make("dl", { className: "mz-pairs" }, pairs)),
      part("Action", action),
      record.outputs ? part("Policy", ...policyParts(record.outputs, other?.outputs, record.action)) : null,
      part("Observation", make("div", { className: "mz-tree" }, tree(record.observation, other?.observation))),
      events.length ? part("Events", ...events) : null,
    ].filter(Boolean);
  }

  endParts(record) {
    const finals = record.final_observations.map(([actor, observation]) => part(actor ? `Last observation of ${actor}` : "Last observation", make("div", { className: "mz-tree" }, tree(observation))));
    return [part("Outcome", make("dl", { className: "mz-pairs" }, make("dt", {}, "Return"), make("dd", {}, written(record.return)))), ...finals];
  }

  event(event, laneColours) {
    const fields = event.fields.map(([name, value]) => tree(value, undefined, name));
    const element = make("div", { className: "mz-event" }, make("strong", {}, event.name), event.in_reset ? make("small", {}, " in reset") : null, make("div", { className: "mz-tree" }, fields));
    const colour = laneColours.get(event.name);
    if (colour !== undefined) element.style.setProperty("--lane", `var(--event-${colour})`);
    return element;
  }
}

function part(title, ...children) {
  return make("section", { className: "mz-part" }, make("h3", {}, title), children);
}

/** What the policy told: numbers, candidates and probabilities as bars, and what else there is as trees. */
function policyParts(outputs, other, action) {
  const entries = new Map(outputs.entries);
  const theirs = new Map(other?.entries ?? []);
  const candidates = new Map(entries.get("candidates")?.entries ?? []);
  const probabilities = entries.get("probabilities");
  const named = probabilities?.kind === "dict" ? probabilities.entries : [["", probabilities]];
  const areBars = { candidates: Boolean(candidates.get("probabilities")?.data), probabilities: named.every(([, array]) => array?.kind === "array" && array.shape.length === 1) };
  const trees = [...entries].filter(([name]) => !areBars[name]).sort(([, a], [, b]) => (a?.kind !== undefined) - (b?.kind !== undefined));
  return [
    areBars.candidates ? bars("candidates", candidateBars(candidates)) : null,
    ...(areBars.probabilities ? named.map(([name, array]) => bars(`probabilities${name && ` of ${name}`}`, probabilityBars(array, partOf(action, name), partOf(theirs.get("probabilities"), name)))) : []),
    make("div", { className: "mz-tree" }, trees.map(([name, value]) => tree(value, theirs.get(name), name))),
  ];
}

const MOST_BARS = 12;

/** The most likely actions, as far as they are possible at all. */
function candidateBars(candidates) {
  const shares = Array.from(candidates.get("probabilities").data);
  return shares.map((share, at) => [actionText(candidates.get("actions"), at, shares.length), share]).filter(([, share]) => share > 0);
}

/** A bar for each value of an action; of many, the most likely ones. */
function probabilityBars(array, taken, other) {
  const shares = Array.from(array.data, (share, at) => [String(at), share, at === taken, other?.data?.[at]]);
  return shares.length <= MOST_BARS ? shares : shares.sort((a, b) => b[1] - a[1]).slice(0, MOST_BARS).filter(([, share]) => share > 0);
}

/** An entry of a dict; without a name, all of what is no dict. */
function partOf(value, name) {
  return name === "" ? value : value?.entries?.find(([key]) => key === name)?.[1];
}

/** One of several actions that are stacked, in words. */
function actionText(stacked, at, n) {
  if (stacked?.kind === "dict") return stacked.entries.map(([name, value]) => `${name} ${actionText(value, at, n)}`).join(", ");
  if (stacked?.kind === "list") return stacked.items.map((value) => actionText(value, at, n)).join(", ");
  const size = (stacked?.data?.length ?? 0) / n;
  const numbers = Array.from(stacked?.data?.slice(at * size, (at + 1) * size) ?? [], (value) => written(value, short));
  return numbers.length > 1 ? `[${numbers.join(" ")}]` : (numbers[0] ?? "");
}

function bars(name, rows) {
  const shown = rows.map(([label, share, isTaken, theirs]) => {
    const bar = make("i");
    bar.style.setProperty("--share", String(clamp(share, 0, 1)));
    return make("li", { className: isTaken ? "mz-taken" : "", title: isTaken ? "taken" : undefined }, make("span", {}, label), bar, make("span", {}, written(share, short), theirs !== undefined && theirs !== share ? make("span", { className: "mz-b" }, `B ${written(theirs, short)}`) : null));
  });
  return make("div", { className: "mz-shares" }, make("span", { className: "mz-key" }, name), make("ul", {}, shown));
}

/** A value as a tree; where another differs, that too. */
function tree(value, other, name) {
  if (value !== null && typeof value === "object") {
    if (value.kind === "dict") return branch(name, value.entries.map(([key, item]) => tree(item, other?.entries?.find(([otherKey]) => otherKey === key)?.[1], key)), "");
    if (value.kind === "list") return branch(name, [...value.items.map((item, at) => tree(item, other?.items?.[at], `[${at}]`)), value.n_items > value.items.length ? `… ${grouped.format(value.n_items - value.items.length)} more` : null], `${grouped.format(value.n_items)} items`);
    if (value.kind === "picture") return branch(name, [picture(value)], kindOf(value));
    return arrayTree(value, other, name);
  }
  const isChanged = other !== undefined && other !== null && typeof other !== "object" && other !== value;
  const text = typeof value === "string" ? value : value === null ? "none" : typeof value === "boolean" ? String(value) : written(value);
  return make("div", { className: `mz-leaf${isChanged ? " mz-changed" : ""}` }, make("span", { className: "mz-key" }, name ?? ""), make("span", {}, text, isChanged ? make("span", { className: "mz-b" }, `B ${typeof other === "number" ? written(other) : String(other)}`) : null));
}

const kindOf = (array) => `${array.dtype} ${array.shape.join("×")}`;

function branch(name, children, kind) {
  const list = make("ul", {}, children.filter(Boolean).map((child) => make("li", {}, child)));
  if (name === undefined) return make("div", {}, kind ? make("span", { className: "mz-kind" }, kind) : null, children.filter(Boolean));
  return make("div", {}, make("span", { className: "mz-key" }, name), " ", make("span", { className: "mz-kind" }, kind), list);
}

function arrayTree(array, other, name) {
  const { data, shape } = array;
  const theirs = other?.data?.length === data.length ? other.data : null;
  const size = shape.reduce((product, side) => product * side, 1);
  const [nRows, nColumns] = shape.length === 2 ? shape : [0, 0];
  if (nRows && nColumns > 1 && nColumns <= 8 && nRows <= 64 && size <= data.length) {
    const rows = Array.from({ length: nRows }, (_, row) => make("tr", {}, Array.from({ length: nColumns }, (__, column) => {
      const at = row * nColumns + column;
      return make("td", { className: theirs && theirs[at] !== data[at] ? "mz-changed" : "" }, written(data[at], short));
    })));
    return branch(name, [make("table", {}, make("tbody", {}, rows))], kindOf(array));
  }
  if (shape.length === 1 && size <= 32) {
    const items = Array.from(data, (value, at) => tree(value, theirs?.[at], `[${at}]`));
    return branch(name, items, kindOf(array));
  }
  const shown = Array.from(data.slice(0, 256), (value) => written(value, short)).join(" ");
  return branch(name, [make("div", {}, shown + (size > 256 ? " …" : ""))], kindOf(array));
}

/** Draw an array of bytes: in colour where it has three or four channels last, else its channels side by side. */
function picture({ data, shape }) {
  const isFlat = shape.length === 2;
  const isColour = !isFlat && [3, 4].includes(shape[2]) && shape[0] > 4;
  const isFirst = !isFlat && !isColour && shape[0] <= 16;
  const [nRows, nColumns] = isFlat || !isFirst ? shape : shape.slice(1);
  const nShown = isFlat || isColour ? 1 : isFirst ? shape[0] : shape[2];
  const canvas = make("canvas", { width: nColumns * nShown, height: nRows, role: "img", "aria-label": `Picture of ${nColumns} by ${nRows}` });
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, nRows);
  const nChannels = isFlat ? 1 : isFirst ? 1 : shape[2];
  for (let shown = 0; shown < nShown; shown++) {
    for (let row = 0; row < nRows; row++) {
      for (let column = 0; column < nColumns; column++) {
        const to = (row * canvas.width + shown * nColumns + column) * 4;
        const from = isFirst ? (shown * nRows + row) * nColumns + column : (row * nColumns + column) * nChannels + (isColour ? 0 : shown);
        for (let channel = 0; channel < 3; channel++) image.data[to + channel] = data[from + (isColour ? channel : 0)];
        image.data[to + 3] = 255;
      }
    }
  }
  context.putImageData(image, 0, 0);
  canvas.style.width = `${Math.min(canvas.width * Math.max(1, Math.floor(240 / canvas.width)), 560)}px`;
  return canvas;
}

// The page -----------------------------------------------------------------------------------------------------------

const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];
const KEYS = [
  ["Space", "play, pause"],
  ["← →", "one step; with Shift ten"],
  ["Home End", "first step, end"],
  ["[ ]", "event before, next event; click an event's name to follow it alone"],
  ["j k", "next episode, episode before, as the table has them"],
  ["/", "filter episodes"],
  ["< >", "slower, faster"],
  ["+ − 0", "zoom in, zoom out, show all; also Ctrl with the wheel"],
  ["d", "first step at which two runs differ"],
  ["t", "light, dark"],
  ["?", "this help"],
];

/** Everything together: which episode, which position, and what follows from them. */
export class Viewer {
  constructor(root, source, options = {}) {
    this.root = root;
    this.source = source;
    this.options = options;
    this.runs = [];
    this.tables = [];
    this.shownEpisodes = [null, null];
    this.records = [new Map(), new Map()];
    this.films = [];
    this.position = 0;
    this.n = 0;
    this.speed = 1;
    this.isPlaying = false;
    this.divergence = null;
    this.isDrawn = Promise.resolve();
    this.isClosed = false;
    this.build();
    this.ready = this.open();
  }

  get isComparing() {
    return this.runs.length > 1;
  }

  build() {
    this.root.classList.add("maze-viewer");
    this.setTheme(this.options.theme ?? kept.get("theme"));
    this.list = new EpisodeList((index) => this.choose(Number(this.tables[0].numbers[index])));
    this.plots = new Plots(this);
    this.record = new RecordPanel();
    this.runsElement = make("h1", { className: "mz-runs" });
    this.notices = make("div", { className: "mz-notices", role: "status", "aria-live": "polite" });
    this.announcer = make("div", { className: "mz-hidden", role: "status", "aria-live": "polite" });
    this.help = this.buildHelp();
    const tools = make("div", { className: "mz-tools" }, button("Light or dark (t)", "theme", () => this.toggleTheme(), { className: "mz-quiet" }), button("Keyboard help (?)", "help", () => this.help.showModal(), { className: "mz-quiet" }));
    this.centre = this.buildCentre();
    this.tabs = make("nav", { className: "mz-tabs", role: "tablist", "aria-label": "Parts of the page" });
    const parts = [["Episodes", this.list.element], ["Playback", this.centre], ["Step", this.record.element]];
    this.selectTab = (chosen) => parts.forEach(([, element], at) => {
      element.classList.toggle("mz-current", at === chosen);
      this.tabs.children[at].setAttribute("aria-selected", String(at === chosen));
    });
    this.tabs.append(...parts.map(([name], at) => make("button", { type: "button", role: "tab", onclick: () => this.selectTab(at) }, name)));
    this.selectTab(0);
    this.root.replaceChildren(
      make("header", { className: "mz-bar" }, make("div", { className: "mz-brand" }, logo(), make("span", {}, "maze")), this.runsElement, tools),
      this.notices,
      make("div", { className: "mz-body" }, parts.map(([, element]) => element)),
      this.tabs,
      this.announcer,
      this.help,
    );
    this.onKey = (event) => this.press(event);
    (this.options.isPage ? document : this.root).addEventListener("keydown", this.onKey);
    if (this.options.isPage) window.addEventListener("hashchange", () => this.followAddress());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.plots.draw());
  }

  buildCentre() {
    this.episodeHead = make("div", { className: "mz-episode" });
    this.stages = make("div", { className: "mz-stages" });
    this.playButton = button("Play (Space)", "play", () => this.togglePlay(), { className: "mz-primary" });
    this.count = make("output", { "aria-live": "off" });
    this.speedChoice = make("select", { "aria-label": "Speed", title: "Speed (< and >)", onchange: () => this.setSpeed(Number(this.speedChoice.value)) }, SPEEDS.map((speed) => make("option", { value: String(speed), selected: speed === 1 }, `${speed}×`)));
    this.pickerButton = button("Choose what is drawn", "columns", () => this.togglePicker(), { text: "Curves", className: "mz-quiet", "aria-expanded": "false" });
    this.divergeButton = button("Go to the first difference (d)", null, () => this.divergence !== null && this.goTo(this.divergence), { text: "First difference", hidden: true });
    this.eventKeys = make("div", { className: "mz-keys", hidden: true }, button("Event before ([)", null, () => this.goToEvent(-1), { text: "‹ event" }), button("Next event (])", null, () => this.goToEvent(1), { text: "event ›" }));
    const keys = make(
      "div",
      { className: "mz-keys", role: "group", "aria-label": "Playback" },
      button("First step (Home)", "first", () => this.goTo(0)),
      button("Step back (←)", "back", () => this.stepBy(-1)),
      this.playButton,
      button("Step on (→)", "next", () => this.stepBy(1)),
      button("End (End)", "last", () => this.goTo(this.n)),
    );
    const zoom = make("div", { className: "mz-keys", role: "group", "aria-label": "Zoom" }, button("Zoom out (−)", "less", () => this.plots.zoom(2), { className: "mz-quiet" }), button("Zoom in (+)", "more", () => this.plots.zoom(0.5), { className: "mz-quiet" }));
    this.plots.scrub.prepend(this.pickerButton);
    this.plots.scrub.append(zoom);
    this.transport = make("div", { className: "mz-transport" }, keys, this.speedChoice, this.count, make("span", { className: "mz-gap" }), this.divergeButton, this.eventKeys);
    return make("section", { className: "mz-panel mz-centre", "aria-label": "Episode" }, this.episodeHead, make("div", { className: "mz-play" }, this.stages, this.transport), this.plots.element);
  }

  buildHelp() {
    const keys = KEYS.map(([names, meaning]) => [make("dt", {}, names.split(" ").map((name) => [make("kbd", {}, name), " "]).flat()), make("dd", {}, meaning)]);
    const dialog = make("dialog", { "aria-label": "Keyboard help" }, make("h2", {}, "Keyboard"), make("dl", {}, keys), make("form", { method: "dialog" }, make("button", { className: "mz-button mz-primary" }, "Close")));
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    return dialog;
  }

  // Opening

  async open() {
    try {
      this.runs = await this.source.ask("runs");
      await this.loadTables();
    } catch (problem) {
      this.explain(problem);
      return;
    }
    this.drawRuns();
    this.chosenCurves = this.curvesChosenBefore();
    if (this.options.isPage) document.title = `${this.runs.map((run) => run.name).join(" and ")} – maze`;
    const asked = this.options.isPage ? addressed() : {};
    const first = asked.episode ?? this.options.episode ?? (this.tables[0].n ? Number(this.tables[0].numbers[0]) : null);
    if (first === null) this.showNothing();
    else await this.choose(first, asked.step ?? this.options.step ?? 0, asked.episode !== undefined);
    if (this.source.isLive) {
      this.watch();
      this.checkDamage();
    }
  }

  async loadTables() {
    const tables = await Promise.all(this.runs.map((run) => this.source.ask(`runs/${run.id}/episodes`)));
    this.tables = tables.map((table) => new Episodes(table));
    if (this.isComparing) this.tables[0].pairWith(this.tables[1]);
    this.list.show(this.tables[0], this.isComparing);
  }

  /** See what a running run has committed meanwhile. */
  async watch() {
    while (!this.isClosed && this.runs.some((run) => run.status === "running")) {
      await pause(2000);
      try {
        const before = this.runs;
        this.runs = await this.source.ask("runs");
        const hasNews = this.runs.some((run, at) => run.n_episodes !== before[at].n_episodes || run.status !== before[at].status);
        if (!hasNews) continue;
        await this.loadTables();
        this.drawRuns();
        if (this.episodeNumber !== undefined) this.list.mark(this.tables[0].indexOf(this.episodeNumber));
        else if (this.tables[0].n) await this.choose(Number(this.tables[0].numbers[0]));
      } catch (problem) {
        this.explain(problem);
        return;
      }
    }
  }

  /** Have every file read, once there is something to look at. */
  async checkDamage() {
    await this.isDrawn;
    for (const run of this.runs) {
      if (run.status === "running") continue;
      const found = await this.source.ask(`runs/${run.id}/damage`).catch(() => []);
      for (const message of found.slice(0, 3)) this.notify(`${run.name}: ${message}`, "mz-bad");
    }
  }

  drawRuns() {
    this.runsElement.replaceChildren(...this.runs.map((run, at) => {
      const isRunning = run.status === "running";
      const state = isRunning ? make("span", { className: "mz-chip mz-live" }, `running, ${grouped.format(run.n_episodes)} of ${grouped.format(run.n_requested ?? 0)}`) : run.status !== "completed" ? make("span", { className: "mz-chip mz-bad" }, run.n_failed ? `${grouped.format(run.n_failed)} failed` : run.status) : null;
      const policy = run.policy ? run.policy.split(".").pop() : null;
      return make("div", { className: "mz-run", title: run.command.join(" ") }, this.isComparing ? make("span", { className: `mz-swatch${at ? " mz-other" : ""}` }) : null, make("span", { className: "mz-run-name" }, `${this.isComparing ? `${"AB"[at]} ` : ""}${run.name}`), make("span", { className: "mz-run-detail" }, [run.env, policy].filter(Boolean).join(" · ")), state);
    }));
    this.root.classList.toggle("mz-comparing", this.isComparing);
    for (const run of this.runs) for (const problem of run.problems) this.notify(`${run.name}: ${problem}`, "mz-bad");
    for (const run of this.runs) for (const note of run.notes ?? []) this.notify(note);
    for (const run of this.runs) if (run.reproducible === false) this.notify(`${run.name}: its environment does not give the same episode for the same seed, so pictures may show another one.`);
  }

  showNothing() {
    const run = this.runs[0];
    const none = run.problems.length ? "No episode of this run can be read." : "No episode of this run was recorded.";
    const text = run.status === "running" ? "The first episodes are on their way." : none;
    this.episodeHead.replaceChildren(make("h2", {}, "No episodes"));
    this.stages.replaceChildren(make("div", { className: "mz-stage mz-closed" }, make("div", { className: "mz-empty" }, text)));
    this.transport.hidden = true;
    this.plots.element.hidden = true;
    this.record.say("Nothing to show yet.");
  }

  // Which episode

  async choose(number, position = 0, isAddressed = false) {
    if (this.episodeNumber === number && !isAddressed && this.shownEpisodes[0]) {
      this.selectTab(1);
      return;
    }
    const isFirst = this.episodeNumber === undefined;
    this.episodeNumber = number;
    this.stopPlaying();
    const index = this.tables[0].indexOf(number);
    this.list.mark(index);
    const turn = (this.turn = (this.turn ?? 0) + 1);
    try {
      const partner = this.isComparing && index >= 0 ? this.tables[0].partner[index] : -1;
      const numbers = [number, partner >= 0 ? Number(this.tables[1].numbers[partner]) : null];
      const episodes = await Promise.all(numbers.map((wanted, at) => (wanted === null || at >= this.runs.length ? null : this.source.ask(`runs/${this.runs[at].id}/episodes/${wanted}`))));
      if (turn !== this.turn) return;
      this.shownEpisodes = [episodes[0], episodes[1] ?? null];
    } catch (problem) {
      if (turn === this.turn) this.showProblem(number, problem);
      return;
    }
    this.show(position);
    if (!isFirst || isAddressed) this.selectTab(1);
  }

  showProblem(number, problem) {
    this.shownEpisodes = [null, null];
    this.closeFilms();
    this.episodeHead.replaceChildren(make("h2", {}, `Episode ${grouped.format(number)}`));
    this.stages.replaceChildren(make("div", { className: "mz-stage mz-closed" }, make("div", { className: "mz-empty" }, make("h2", {}, "This episode cannot be shown"), problem.message)));
    this.transport.hidden = true;
    this.plots.element.hidden = true;
    this.record.say("There is no record.");
    if (!(problem instanceof Problem)) throw problem;
  }

  show(position) {
    const [episode, other] = this.shownEpisodes;
    this.n = Math.max(episode.n_decisions, other?.n_decisions ?? 0);
    this.position = clamp(position, 0, this.n);
    this.records = [new Map(), new Map()];
    this.divergence = null;
    this.divergeButton.hidden = true;
    const run = this.runs[0];
    const isPlayable = run.has_trajectories && episode.error === null;
    this.transport.hidden = this.plots.element.hidden = !isPlayable;
    this.drawEpisodeHead();
    this.drawFigures();
    this.closeFilms();
    if (!isPlayable) {
      this.showUnplayable(run, episode);
      return;
    }
    this.isDrawn = this.plots.show(this.curveRows(), this.n);
    this.openFilms();
    this.plots.mark(null, "mz-bad");
    this.plots.mark(null, "mz-diverge");
    this.eventKeys.hidden = !episode.events.length;
    if (other) this.findDivergence();
    this.goTo(this.position);
    this.announcer.textContent = `Episode ${episode.number}: return ${written(episode.return, short)}, ${episode.length} steps`;
  }

  showUnplayable(run, episode) {
    const failed = episode.error !== null;
    const text = failed ? [make("h2", {}, "This episode failed"), make("div", {}, episode.error), episode.traceback ? make("pre", {}, episode.traceback) : null] : [make("h2", {}, "No trajectory"), "The run was recorded with record_trajectory=false: there are the figures of its episodes, and nothing of their steps."];
    this.stages.replaceChildren(make("div", { className: "mz-stage mz-closed" }, make("div", { className: "mz-invitation" }, text)));
    this.record.say(failed ? "Nothing of a failed episode is kept but its seeds and its error." : "Steps were not recorded.");
    this.writeAddress();
  }

  drawEpisodeHead() {
    const [episode, other] = this.shownEpisodes;
    const chips = [];
    const chip = (text, className = "", title) => chips.push(make("span", { className: `mz-chip ${className}`, title }, text));
    if (episode.error !== null) chip("failed", "mz-bad");
    else {
      chip(this.isComparing ? `A ${written(episode.return, short)}` : `return ${written(episode.return, short)}`);
      if (this.isComparing) chip(other ? `B ${written(other.return, short)}` : "B has no episode of this seed");
      chip(other && other.length !== episode.length ? `${grouped.format(episode.length)} and ${grouped.format(other.length)} steps` : `${grouped.format(episode.length)} steps`);
      if (episode.terminated) chip("terminated");
      if (episode.truncated) chip(episode.truncated_by === "runner" ? "cut by the runner" : "truncated");
      if (episode.success !== null) chip(episode.success ? "success" : "no success", episode.success ? "mz-good" : "mz-bad");
    }
    chip(`seed ${episode.env_seed}`, "", `environment ${episode.env_seed}, policy ${episode.agent_seed}`);
    this.episodeHead.replaceChildren(make("h2", {}, `Episode ${grouped.format(episode.number)}`), ...chips);
  }

  async findDivergence() {
    const [episode, other] = this.shownEpisodes;
    const found = await this.source.ask(`runs/${this.runs[0].id}/episodes/${episode.number}/divergence/${this.runs[1].id}/${other.number}`).catch(() => null);
    if (!found || this.shownEpisodes[0] !== episode) return;
    this.divergence = found.first;
    this.divergeButton.hidden = found.first === null;
    if (found.first === null) {
      this.episodeHead.append(make("span", { className: "mz-chip mz-good" }, "the same to the end"));
      return;
    }
    const what = ["action", "observation", "reward"].filter((name) => found[name] === found.first).join(", ");
    this.divergeButton.textContent = `First difference: ${grouped.format(found.first)}`;
    this.divergeButton.title = `They differ from step ${found.first} on: ${what} (d)`;
    this.plots.mark(found.first, "mz-diverge", this.divergeButton.title);
    this.plots.draw();
  }

  // What is drawn

  get components() {
    return this.runs[0].components;
  }

  /** Under which name it is kept which curves were chosen. */
  get curvesName() {
    return `curves:${this.runs[0].env}${this.components.some((component) => component.role === "output") ? ":outputs" : ""}`;
  }

  curvesChosenBefore() {
    const before = kept.get(this.curvesName);
    const names = this.components.map((component) => curveKey(component));
    const valid = Array.isArray(before) ? before.map((key) => names.indexOf(key)).filter((at) => at >= 0) : [];
    if (valid.length) return new Set(valid);
    // What candidates and logits say, values and probabilities say better.
    const isWorthwhile = ({ role, name }) => role !== "output" || !/^(candidates|logits)\b/.test(name);
    const of = (role, most) => this.components.map((component, at) => [component, at]).filter(([component]) => component.role === role && isWorthwhile(component)).slice(0, most).map(([, at]) => at);
    return new Set([...of("action", 4), ...of("output", 6), ...of("observation", 6)]);
  }

  curveRows() {
    const chosen = [...this.chosenCurves].sort((a, b) => a - b);
    const rows = [{ label: "Reward", curve: "reward", tall: 44, drawing: "steps" }, { label: "Return so far", curve: "return", tall: 44, drawing: "line" }];
    const lanes = this.shownEpisodes[0].events.slice(0, MOST_LANES);
    lanes.forEach((lane, at) => rows.push({ label: lane.name, lane, tall: 24, colour: at % N_LANE_COLOURS, startsSection: at === 0 }));
    let role = null;
    for (const at of chosen) {
      const component = this.components[at];
      const startsSection = component.role !== role;
      role = component.role;
      const isWhole = component.name === component.role;
      const label = isWhole ? (component.role === "action" ? "Action" : "Observation") : component.name;
      const [group, ...within] = component.name.split(".");
      const isNested = component.role === "output" && within.length > 0;
      const origin = { action: isWhole ? null : "action", output: isNested ? group : "policy" }[component.role] ?? null;
      const strip = component.n_values > 1 ? { nValues: component.n_values, taken: this.actionBeside(component), tall: clamp(component.n_values * this.runs.length * 9, 24, 140) + 6 } : {};
      rows.push({ label: isNested ? within.join(".") : label, title: `${component.role === "output" ? "policy" : component.role} ${component.name}`, isCode: !isWhole, note: [origin, component.step_key === null ? null : `key ${component.step_key}`].filter((note) => note !== null).join(", "), curve: String(at), tall: component.role === "action" ? 36 : 34, drawing: component.is_choice ? "steps" : "line", startsSection, ...strip });
    }
    return rows;
  }

  /** The action whose probabilities a strip shows, where it is drawn too. */
  actionBeside({ name, step_key }) {
    const at = this.components.findIndex((other) => other.role === "action" && other.is_choice && other.step_key === step_key && name === (other.name === "action" ? "probabilities" : `probabilities.${other.name}`));
    return this.chosenCurves.has(at) ? String(at) : undefined;
  }

  get laneColours() {
    return new Map(this.shownEpisodes[0].events.map((lane, at) => [lane.name, at % N_LANE_COLOURS]));
  }

  async curves(at, episode, names, start, stop, points) {
    const path = `runs/${this.runs[at].id}/episodes/${episode.number}/curves`;
    const known = at === 0 ? names : names.filter((name) => Number.isNaN(Number(name)) || this.isSameComponent(Number(name)));
    return this.source.ask(path, { names: known.join(","), start, stop, points });
  }

  isSameComponent(at) {
    const other = this.runs[1].components[at];
    return other !== undefined && curveKey(other) === curveKey(this.components[at]);
  }

  togglePicker() {
    if (this.picker) {
      this.closePicker();
      return;
    }
    const list = make("ul");
    const search = make("input", { type: "search", placeholder: "Find a number", "aria-label": "Find a number" });
    const fill = () => {
      const wanted = search.value.toLowerCase();
      const found = this.components.map((component, at) => [component, at]).filter(([component]) => curveKey(component).toLowerCase().includes(wanted));
      list.replaceChildren(...found.slice(0, 200).map(([component, at]) => make("li", {}, make("label", {}, make("input", { type: "checkbox", checked: this.chosenCurves.has(at), onchange: (event) => this.pick(at, event.target.checked) }), make("code", {}, component.name), make("small", {}, [component.role === "output" ? "policy" : component.role, component.step_key === null ? null : `key ${component.step_key}`].filter((note) => note !== null).join(", "))))));
    };
    search.addEventListener("input", fill);
    fill();
    this.picker = make("div", { className: "mz-picker", role: "dialog", "aria-label": "Curves" }, search, list);
    this.picker.addEventListener("keydown", (event) => event.key === "Escape" && this.closePicker());
    const top = this.plots.element.offsetTop + 38;
    this.picker.style.top = `${top}px`;
    this.picker.style.maxHeight = `${Math.max(this.centre.clientHeight - top - 10, 180)}px`;
    this.centre.append(this.picker);
    this.pickerButton.setAttribute("aria-expanded", "true");
    this.onOutside = (event) => !this.picker.contains(event.target) && !this.pickerButton.contains(event.target) && this.closePicker();
    document.addEventListener("pointerdown", this.onOutside);
    search.focus();
  }

  closePicker() {
    document.removeEventListener("pointerdown", this.onOutside);
    this.picker?.remove();
    this.picker = null;
    this.pickerButton.setAttribute("aria-expanded", "false");
  }

  pick(at, isChosen) {
    if (isChosen) this.chosenCurves.add(at);
    else this.chosenCurves.delete(at);
    kept.set(this.curvesName, [...this.chosenCurves].map((index) => curveKey(this.components[index])));
    this.plots.setRows(this.curveRows());
    this.plots.draw();
  }

  // Pictures

  openFilms() {
    this.films = this.shownEpisodes.map((episode, at) => {
      if (!episode || episode.error !== null || !this.runs[at].offers_frames) return null;
      return new Film(this.source, `runs/${this.runs[at].id}/episodes/${episode.number}`, (film) => this.drawStage(at, film));
    });
    this.stageElements = this.shownEpisodes.slice(0, this.runs.length).map(() => make("div", { className: "mz-stage mz-closed" }));
    this.stages.replaceChildren(...this.stageElements);
    this.films.slice(0, this.runs.length).forEach((film, at) => {
      this.drawStage(at, film);
      // Who only leafs through the episodes does not have all of them played again.
      if (film) this.isDrawn.then(() => pause(this.runs[at].renders ? 200 : 0)).then(() => !film.isClosed && film.open(this.runs[at].renders && this.source.isLive));
    });
    this.stages.hidden = this.films.every((film) => film === null) && !this.isComparing;
  }

  closeFilms() {
    this.films.forEach((film) => {
      film?.notice?.remove();
      film?.close();
    });
    this.films = [];
    this.stages.hidden = false;
  }

  drawStage(at, film) {
    const stage = this.stageElements[at];
    const label = this.isComparing ? make("div", { className: "mz-stage-label" }, make("span", { className: `mz-swatch${at ? " mz-other" : ""}` }), `${"AB"[at]} ${this.runs[at].name}`) : null;
    const state = film?.progress.state ?? "absent";
    const isOpen = state === "working" || state === "ready";
    stage.classList.toggle("mz-closed", !isOpen);
    if (isOpen) {
      if (!stage.contains(film.video)) stage.replaceChildren(film.video, make("div", { className: "mz-progress" }, make("i")));
      if (label && !stage.querySelector(".mz-stage-label")) stage.append(label);
      const bar = stage.querySelector(".mz-progress");
      bar.hidden = state === "ready";
      bar.firstChild.style.setProperty("--done", String(film.progress.n_total ? film.progress.n_frames / film.progress.n_total : 0));
      if (state === "ready" && film.progress.first_difference !== null) this.warnOfDifference(at, film);
      return;
    }
    stage.replaceChildren(...[label, this.invitation(at, film, state)].filter(Boolean));
  }

  invitation(at, film, state) {
    if (state === "absent") return make("div", { className: "mz-invitation" }, this.shownEpisodes[at] ? "No pictures here." : "No episode of this seed in this run.");
    if (state === "failed") return make("div", { className: "mz-invitation" }, make("strong", {}, "There are no pictures of this episode"), make("span", {}, film.progress.message ?? "It could not be played again."), this.source.isLive ? button("Try again", null, () => film.open(true), { text: "Try again" }) : null);
    if (!this.source.isLive || this.runs[at].renders) return make("div", { className: "mz-invitation" }, this.source.isLive ? "…" : "No pictures in this report.");
    const run = this.runs[at];
    const start = button("Play the episode again and show it", "play", () => this.askForPictures(at), { text: "Render episodes", className: "mz-primary" });
    return make("div", { className: "mz-invitation" }, start, make("span", {}, `Plays recorded episodes again from their seeds and actions. This runs the code of ${run.env_class ?? run.env} in a process of its own.`));
  }

  askForPictures(at) {
    this.runs[at].renders = true;
    this.films[at].open(true);
  }

  warnOfDifference(at, film) {
    if (film.hasWarned) return;
    film.hasWarned = true;
    const step = Math.max(film.progress.first_difference, 0);
    const run = this.isComparing ? `${"AB"[at]}: ` : "";
    this.plots.mark(step, "mz-bad", "from here on the pictures are not of the recorded episode");
    const from = film.progress.first_difference < 0 ? "the reset" : `step ${grouped.format(step)}`;
    film.notice = this.notify(`${run}Played again, the episode differs from ${from} on: ${film.progress.what}. Pictures from there on are not of what was recorded.`, "", ["Go there", () => this.goTo(step)]);
  }

  // Where in the episode

  goTo(position) {
    if (!this.shownEpisodes[0]) return;
    this.position = clamp(Math.round(position), 0, this.n);
    if (!this.isFollowingFilm) this.films.forEach((film) => film?.show(this.position));
    this.plots.point(this.position);
    this.count.replaceChildren(this.position >= this.n ? make("b", {}, "End") : make("b", {}, grouped.format(this.position)), ` / ${grouped.format(this.n)}`);
    this.showRecord();
    this.writeAddress();
  }

  stepBy(by) {
    this.stopPlaying();
    this.goTo(this.position + by);
  }

  goToEvent(direction) {
    let nearest = null;
    for (const steps of this.plots.eventSteps) {
      for (const step of steps) {
        const isBeyond = direction > 0 ? step > this.position : step < this.position;
        if (isBeyond && (nearest === null || (direction > 0 ? step < nearest : step > nearest))) nearest = step;
      }
    }
    if (nearest === null) return;
    this.stopPlaying();
    this.goTo(nearest);
  }

  showRecord() {
    const at = this.position;
    const found = this.shownEpisodes.map((episode, run) => (episode ? this.recordAt(run, episode, at) : null));
    const [own, other] = found;
    if (own instanceof Promise || other instanceof Promise) {
      Promise.all(found).then(() => this.position === at && this.showRecord(), (problem) => this.record.say(problem.message));
      return;
    }
    this.record.show(at, own, other, this.laneColours, this.stateAt(at), this.figuresElement);
  }

  /** What the episode as a whole came to, below the record of the step. */
  drawFigures() {
    const [episode, other] = this.shownEpisodes;
    const seeds = [["seed of the environment", episode.env_seed], ["seed of the policy", episode.agent_seed]];
    const figures = [...episode.kpis, ...episode.metrics, ...episode.actor_returns, ...episode.info];
    const theirs = new Map(other ? [...other.kpis, ...other.metrics, ...other.actor_returns, ...other.info] : []);
    const pairs = [...seeds, ...figures].map(([name, value]) => [make("dt", {}, name), make("dd", {}, written(value), theirs.has(name) && theirs.get(name) !== value ? make("span", { className: "mz-b" }, `B ${written(theirs.get(name))}`) : null)]);
    this.figuresElement = part("Episode", make("dl", { className: "mz-pairs" }, pairs));
  }

  /** The record at a position, or a promise of it; null beyond the end of an episode. */
  recordAt(run, episode, position) {
    if (position > episode.n_decisions) return null;
    const records = this.records[run];
    if (records.has(position)) return records.get(position);
    // One question at a time: what was passed over meanwhile is not asked for.
    records.request ??= this.source.ask(`runs/${this.runs[run].id}/episodes/${episode.number}/records`, { position }).then((page) => {
      if (records.size > 4096) records.clear();
      page.records.forEach((record) => records.set(record.step, record));
    }).finally(() => (records.request = null));
    return records.request;
  }

  /** The environment's snapshot, where pictures were made. */
  stateAt(position) {
    const film = this.films[0];
    if (!film?.progress.has_states || position > this.shownEpisodes[0].n_decisions) return null;
    film.states ??= new Map();
    if (film.states.has(position)) return film.states.get(position);
    film.states.set(position, null);
    this.source.ask(`${film.path}/state`, { position }).then((state) => {
      film.states.set(position, state);
      if (this.position === position) this.showRecord();
    }, () => {});
    return null;
  }

  // Playing

  togglePlay() {
    if (this.isPlaying) {
      this.stopPlaying();
      return;
    }
    if (!this.shownEpisodes[0]) return;
    if (this.position >= this.n) this.goTo(0);
    this.isPlaying = true;
    this.drawPlayButton();
    const leader = this.leader;
    if (leader) {
      this.films.forEach((film) => film?.isShown && film.play(this.speed));
      this.followFilm(leader);
    } else this.playAlone();
  }

  get leader() {
    const shown = this.films.filter((film) => film?.isShown);
    return shown.sort((a, b) => b.progress.n_total - a.progress.n_total)[0];
  }

  followFilm(leader) {
    const tick = () => {
      if (!this.isPlaying || leader.isClosed) return;
      const { position } = leader;
      this.isFollowingFilm = true;
      if (position !== this.position) this.goTo(position);
      this.isFollowingFilm = false;
      for (const film of this.films) {
        const isBehind = film?.isShown && film !== leader && !film.video.ended && Math.abs(film.video.currentTime - leader.video.currentTime) > 2.5 / film.fps;
        if (isBehind) film.video.currentTime = leader.video.currentTime;
      }
      if (leader.video.ended || position >= this.n) this.stopPlaying();
      else requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  playAlone() {
    const perSecond = this.n > 100 ? 30 : 10;
    let before = performance.now();
    let exact = this.position;
    const tick = (now) => {
      if (!this.isPlaying) return;
      exact += ((now - before) / 1000) * perSecond * this.speed;
      before = now;
      if (Math.floor(exact) !== this.position) this.goTo(Math.floor(exact));
      if (this.position >= this.n) this.stopPlaying();
      else requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  stopPlaying() {
    if (!this.isPlaying) return;
    this.isPlaying = false;
    this.films.forEach((film) => {
      if (film) film.wanted = this.position;
      film?.pause();
    });
    this.drawPlayButton();
    this.writeAddress();
  }

  drawPlayButton() {
    this.playButton.replaceChildren(icon(this.isPlaying ? "pause" : "play"));
    this.playButton.setAttribute("aria-label", this.isPlaying ? "Pause (Space)" : "Play (Space)");
    this.playButton.title = this.playButton.getAttribute("aria-label");
  }

  setSpeed(speed) {
    this.speed = speed;
    this.speedChoice.value = String(speed);
    if (this.isPlaying) this.films.forEach((film) => film && (film.video.playbackRate = speed));
  }

  // Address, keys, theme, notices

  writeAddress = settled(() => {
    if (!this.options.isPage || this.isPlaying || this.episodeNumber === undefined) return;
    const wanted = `#episode=${this.episodeNumber}&step=${this.position}`;
    if (location.hash !== wanted) history.replaceState(null, "", wanted);
  }, 150);

  followAddress() {
    const { episode, step } = addressed();
    if (episode === undefined) return;
    if (episode !== this.episodeNumber) this.choose(episode, step ?? 0, true);
    else if (step !== undefined && step !== this.position) this.goTo(step);
  }

  press(event) {
    const { target } = event;
    const isTyping = target.matches?.("input:not([type=range], [type=checkbox]), select, textarea");
    if (isTyping && event.key === "Escape") target.blur();
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || this.help.open || !this.tables.length) return;
    const isButton = target.matches?.("button, summary, a");
    const far = event.shiftKey ? 10 : 1;
    const actions = {
      " ": isButton ? undefined : () => this.togglePlay(),
      ArrowRight: () => this.stepBy(far),
      ArrowLeft: () => this.stepBy(-far),
      Home: () => this.stepBy(-Infinity),
      End: () => this.stepBy(Infinity),
      "]": () => this.goToEvent(1),
      "[": () => this.goToEvent(-1),
      j: () => this.list.move(1),
      k: () => this.list.move(-1),
      "/": () => this.focusFilter(),
      ">": () => this.changeSpeed(1),
      "<": () => this.changeSpeed(-1),
      "+": () => this.plots.zoom(0.5),
      "=": () => this.plots.zoom(0.5),
      "-": () => this.plots.zoom(2),
      0: () => this.plots.setWindow(0, this.n || 1),
      d: () => this.divergence !== null && this.goTo(this.divergence),
      t: () => this.toggleTheme(),
      "?": () => this.help.showModal(),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  focusFilter() {
    this.selectTab(0);
    this.list.input.focus();
    this.list.input.select();
  }

  changeSpeed(by) {
    this.setSpeed(SPEEDS[clamp(SPEEDS.indexOf(this.speed) + by, 0, SPEEDS.length - 1)]);
  }

  setTheme(theme) {
    if (theme) this.root.dataset.theme = theme;
    if (theme && this.options.isPage) document.documentElement.style.colorScheme = theme;
  }

  toggleTheme() {
    const isDark = this.root.dataset.theme ? this.root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    const theme = isDark ? "light" : "dark";
    kept.set("theme", theme);
    this.setTheme(theme);
    this.plots.draw();
  }

  notify(text, className = "", action) {
    const same = [...this.notices.children].find((notice) => notice.firstChild.textContent === text);
    if (same) return same;
    const notice = make("div", { className: `mz-notice ${className}` }, make("span", {}, text), action ? button(action[0], null, action[1], { text: action[0] }) : null, button("Dismiss", "close", () => notice.remove(), { className: "mz-quiet" }));
    this.notices.append(notice);
    return notice;
  }

  /** Tell what could not be done; what is no problem of the run is a mistake of ours, and goes to the console. */
  explain(problem) {
    if (!(problem instanceof Problem)) throw problem;
    this.notify(problem.message, "mz-bad");
  }

  close() {
    this.isClosed = true;
    this.stopPlaying();
    this.closeFilms();
    (this.options.isPage ? document : this.root).removeEventListener("keydown", this.onKey);
  }
}

const curveKey = (component) => `${component.step_key ?? ""}/${component.role}/${component.name}`;

/** Episode and step that the address of the page names. */
function addressed() {
  const named = new URLSearchParams(location.hash.slice(1));
  const whole = (key) => (/^\d+$/.test(named.get(key) ?? "") ? Number(named.get(key)) : undefined);
  return { episode: whole("episode"), step: whole("step") };
}

// Where it runs ------------------------------------------------------------------------------------------------------

/** In a notebook, called by anywidget. */
function render({ model, el }) {
  const root = make("div", { tabIndex: -1 });
  root.style.height = `${model.get("height")}px`;
  root.style.setProperty("--page", `${model.get("height")}px`);
  root.style.borderRadius = "12px";
  el.append(root);
  const theme = { true: "light", false: "dark" }[document.body.dataset.jpThemeLight];
  const viewer = new Viewer(root, new KernelSource(model), { theme, episode: model.get("episode") ?? undefined, step: model.get("step") });
  return () => viewer.close();
}

export default { render };

const page = document.getElementById("maze-viewer");
if (page) {
  const answers = document.getElementById("maze-answers");
  const source = answers ? new FileSource(JSON.parse(answers.textContent)) : new ServerSource(page.dataset.api);
  page.viewer = new Viewer(page, source, { isPage: true });
}
