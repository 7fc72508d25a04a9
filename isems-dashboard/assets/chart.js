/**
 * Shows the values of charts under the pointer, zooms into a range of time, and lets lines grow with what is measured.
 * The charts themselves come from the server, and their paths are the data: one unit across is a bucket, and one down is
 * a round number of the value axis.
 *
 * Another range is asked for by an event `chart:range` on the figure, with `from` and `to` in Unix seconds. Unless it is
 * prevented, the page is fetched with these in its address, and its charts and everything with an id and `data-range`
 * take the place of what is there. A link to a chart's file with `data-png`, the name of a file, saves it as a PNG.
 * Measurements are taken from the events that `live.js` passes on. Call `enhance` on a part of the page that was
 * replaced, or send `refreshed` to the document.
 */

/**
 * @typedef {{low: number, average: number, high: number}} Bucket in units of the value axis, downwards: low is below high
 * @typedef {{timestamp: string, nodeId: string, [field: string]: unknown}} Measurement
 * @typedef {{from: number, to: number}} TimeRange Unix seconds
 */

const SVG = "http://www.w3.org/2000/svg";

/** The narrowest range to zoom into, seconds. */
const NARROWEST = 600;

/** The age at which a chart that still grows is drawn anew by the server, with its forecast, milliseconds. */
const OLD = 15 * 60_000;

/** English writes days before months here, as the server does. */
const language = document.documentElement.lang.replace(/^(en)?$/, "en-GB");

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 * @returns {SVGElementTagNameMap[Tag]}
 */
function element(tag, attributes) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) {
        made.setAttribute(name, String(value));
    }
    return made;
}

/**
 * The lines of path data, each a list of points. An area is one line: out along its upper border and back along the lower.
 * @param {string} data
 * @returns {[number, number][][]}
 */
function lines(data) {
    /** @type {[number, number][][]} */
    const all = [];
    let [x, y] = [0, 0];
    for (const [, command = "", text = ""] of data.matchAll(/([a-zA-Z])([^a-zA-Z]*)/g)) {
        const numbers = (text.match(/-?[\d.]+/g) ?? []).map(Number);
        const line = all.at(-1);
        const step = command === "h" || command === "v" ? 1 : 2;
        for (let place = 0; place + step <= numbers.length; place += step) {
            const [first = 0, second = 0] = numbers.slice(place, place + step);
            if (command === "M" || command === "L") {
                [x, y] = [first, second];
            } else if (command === "v") {
                y += first;
            } else {
                [x, y] = [x + first, y + (step === 2 ? second : 0)];
            }
            if (command === "M") {
                all.push([[x, y]]);
            } else {
                line?.push([x, y]);
            }
        }
    }
    return all;
}

/**
 * The height of a line at a place between its points.
 * @param {[number, number][]} line
 * @param {number} x
 * @returns {number | undefined}
 */
function at(line, x) {
    const end = line.findIndex(([right]) => right >= x);
    const [[left, above] = [NaN, NaN], [right, below] = [NaN, NaN]] = [line[end - 1] ?? line[end], line[end]];
    if (!(left <= x)) {
        return undefined;
    }
    return right === left ? below : above + ((below - above) * (x - left)) / (right - left);
}

/**
 * The heights of a line at each whole place from its first point to its last.
 * @param {[number, number][]} line
 * @returns {Generator<[number, number]>}
 */
function* heights(line) {
    for (const [place, [right, below]] of line.entries()) {
        const [left, above] = line[place - 1] ?? [right - 1, below];
        for (let x = left + 1; x <= right; x++) {
            yield [x, above + ((below - above) * (x - left)) / (right - left)];
        }
    }
}

/** A line of a chart, as buckets. */
class Line {
    /** @type {Map<number, Bucket>} */ #buckets = new Map();
    /** @type {SVGGElement} */ #group;
    /** @type {SVGPathElement} */ #path;
    /** The number of values in the newest bucket. */ #count;
    /** The number of buckets that may be empty between two that belong together. */ #steps;

    /**
     * @param {SVGGElement} group
     * @param {SVGPathElement} path
     */
    constructor(group, path) {
        this.#group = group;
        this.#path = path;
        this.#count = Number(group.dataset["count"] ?? 1);
        this.#steps = Number(group.dataset["steps"] ?? 1);
        for (const line of lines(path.getAttribute("d") ?? "")) {
            for (const [place, average] of heights(line)) {
                this.#buckets.set(place, { low: average, average, high: average });
            }
        }
        for (const area of lines(group.querySelector(".band")?.getAttribute("d") ?? "")) {
            // At its right end there are two points, one above the other.
            const right = Math.max(...area.map(([x]) => x));
            const turn = area.findIndex(([x]) => x === right);
            for (const [place, height] of heights(area.slice(0, turn + 1))) {
                const bucket = this.#buckets.get(place);
                if (bucket) {
                    bucket.high = height;
                }
            }
            for (const [place, height] of heights(area.slice(turn + 1).reverse())) {
                const bucket = this.#buckets.get(place);
                if (bucket) {
                    bucket.low = height;
                }
            }
        }
    }

    get label() {
        return this.#group.dataset["label"] ?? "";
    }

    /** @param {number} place */
    bucket(place) {
        return this.#buckets.get(place);
    }

    /** The places of its buckets. */
    places() {
        return this.#buckets.keys();
    }

    /** The place of its newest bucket. */
    newest() {
        return Math.max(...this.#buckets.keys());
    }

    /** @param {Measurement} measurement */
    valueIn(measurement) {
        const { node, field } = this.#group.dataset;
        const value = field && measurement.nodeId === node ? measurement[field] : undefined;
        return typeof value === "number" ? value : undefined;
    }

    /**
     * Adds a value to its newest bucket or a newer one; older ones are the server's.
     * @param {number} place
     * @param {number} height
     */
    add(place, height) {
        const newest = this.newest();
        if (place < newest) {
            return;
        }
        const bucket = this.#buckets.get(place);
        if (bucket) {
            bucket.average = (bucket.average * this.#count + height) / (this.#count + 1);
            bucket.high = Math.min(bucket.high, height);
            bucket.low = Math.max(bucket.low, height);
            this.#count += 1;
        } else {
            this.#buckets.set(place, { low: height, average: height, high: height });
            this.#count = 1;
        }
    }

    redraw() {
        /** @type {[number, Bucket][][]} */
        const pieces = [];
        const sorted = [...this.#buckets].sort(([a], [b]) => a - b);
        for (const [place, bucket] of sorted) {
            const piece = pieces.at(-1);
            if (piece && place - (piece.at(-1)?.[0] ?? 0) <= this.#steps) {
                piece.push([place, bucket]);
            } else {
                pieces.push([[place, bucket]]);
            }
        }
        const tenths = (/** @type {number} */ number) => Math.round(number * 10) / 10;
        const path = (/** @type {[number, Bucket][]} */ piece, /** @type {keyof Bucket} */ part) =>
            piece.map(([place, bucket]) => `${place} ${tenths(bucket[part])}`).join("L");
        this.#path.setAttribute("d", pieces.map((piece) => `M${path(piece, "average")}h0`).join(""));
        const areas = pieces.map((piece) => `M${path(piece, "high")}L${path([...piece].reverse(), "low")}z`);
        const band = this.#group.querySelector(".band") ?? element("path", { class: "band" });
        band.setAttribute("d", areas.join(""));
        this.#group.prepend(band);
    }
}

class TimeChart {
    /** @type {HTMLElement} */ #figure;
    /** @type {SVGSVGElement} */ #plot;
    /** @type {HTMLOutputElement | null} */ #output;
    /** @type {Line[]} */ #lines;
    /** @type {[number, number][]} */ #forecast;
    #crosshair = element("g", { class: "crosshair", visibility: "hidden" });
    #selection = element("rect", { class: "selection", height: "100%", visibility: "hidden" });
    /** @type {Map<number, number>} the horizontal place of each finger, as a share of the width */ #fingers = new Map();
    /** @type {number | undefined} where a drag began */ #begin;
    /** @type {[number, number] | undefined} where two fingers began */ #pinch;
    #place = NaN;
    #born = Date.now();
    #grows = 0;

    /**
     * @param {HTMLElement} figure
     * @param {SVGSVGElement} plot
     */
    constructor(figure, plot) {
        this.#figure = figure;
        this.#plot = plot;
        this.#output = figure.querySelector("output.reading");
        this.#lines = [...plot.querySelectorAll("g[data-label]")].flatMap((group) => {
            const path = group.querySelector(".line");
            return group instanceof SVGGElement && path instanceof SVGPathElement ? [new Line(group, path)] : [];
        });
        // The first line is drawn last, so that it lies on top.
        this.#lines.reverse();
        this.#forecast = lines(plot.querySelector(".forecast")?.getAttribute("d") ?? "")[0] ?? [];
        this.from = this.#number("from");
        this.to = this.#number("to");
        this.interval = this.#number("interval");
        const overlay = element("rect", { class: "overlay", width: "100%", height: "100%" });
        plot.append(this.#selection, this.#crosshair, overlay);
        // A title would cover the chart as a tooltip.
        const title = plot.querySelector("title");
        plot.setAttribute("aria-label", title?.textContent ?? "");
        plot.removeAttribute("aria-labelledby");
        title?.remove();
        plot.classList.add("tells");
        plot.tabIndex = 0;
        this.#listen(overlay);
    }

    /** @param {string} name */
    #number(name) {
        return Number(this.#plot.dataset[name]);
    }

    get isShown() {
        return this.#plot.isConnected;
    }

    /** @param {SVGRectElement} overlay */
    #listen(overlay) {
        overlay.addEventListener("pointerdown", (event) => this.#press(event, overlay));
        overlay.addEventListener("pointermove", (event) => this.#move(event));
        overlay.addEventListener("pointerup", (event) => this.#release(event));
        overlay.addEventListener("pointercancel", (event) => this.#cancel(event));
        overlay.addEventListener("pointerleave", (event) => {
            // What a finger has touched stays readable when it is lifted.
            if (event.pointerType !== "touch" && this.#fingers.size === 0) {
                this.#hide();
            }
        });
        overlay.addEventListener("dblclick", () => this.#zoom(2, 0.5));
        this.#plot.addEventListener("keydown", (event) => this.#type(event));
        this.#plot.addEventListener("blur", () => this.#hide());
    }

    /** @param {PointerEvent} event */
    #share(event) {
        const { left, width } = this.#plot.getBoundingClientRect();
        return Math.max(0, Math.min(1, (event.clientX - left) / width));
    }

    /**
     * @param {PointerEvent} event
     * @param {SVGRectElement} overlay
     */
    #press(event, overlay) {
        if (event.button !== 0) {
            return;
        }
        overlay.setPointerCapture(event.pointerId);
        this.#fingers.set(event.pointerId, this.#share(event));
        const [first = 0, second] = this.#fingers.values();
        this.#pinch = second === undefined ? undefined : [first, second];
        this.#begin = event.pointerType === "touch" ? undefined : first;
        this.#say("off");
        this.#show(this.#share(event));
    }

    /** @param {PointerEvent} event */
    #move(event) {
        const share = this.#share(event);
        if (this.#fingers.has(event.pointerId)) {
            this.#fingers.set(event.pointerId, share);
        }
        if (!this.#pinch) {
            this.#say("off");
            this.#show(share);
        }
        const selected = this.#selected();
        if (selected) {
            this.#selection.setAttribute("x", percent(Math.max(0, selected[0])));
            this.#selection.setAttribute("width", percent(Math.min(1, selected[1]) - Math.max(0, selected[0])));
        }
        this.#selection.setAttribute("visibility", selected ? "visible" : "hidden");
    }

    /**
     * The range that a drag or two fingers select, as shares. Fingers that draw together select more than is shown.
     * @returns {[number, number] | undefined}
     */
    #selected() {
        const [first, second] = this.#fingers.values();
        if (first === undefined) {
            return undefined;
        }
        if (this.#begin !== undefined) {
            const wide = Math.abs(first - this.#begin) * this.#plot.getBoundingClientRect().width > 8;
            return wide ? [Math.min(this.#begin, first), Math.max(this.#begin, first)] : undefined;
        }
        if (!this.#pinch || second === undefined) {
            return undefined;
        }
        const [before, after] = [Math.abs(this.#pinch[0] - this.#pinch[1]), Math.abs(first - second)];
        const width = Math.max(before, 0.02) / Math.max(after, 0.02);
        // What was between the fingers comes to where they are now.
        const left = (this.#pinch[0] + this.#pinch[1]) / 2 - ((first + second) / 2) * width;
        return [left, left + width];
    }

    /** @param {PointerEvent} event */
    #release(event) {
        const selected = this.#selected();
        const pinched = this.#pinch !== undefined;
        this.#cancel(event);
        if (selected && (!pinched || this.#fingers.size === 1)) {
            this.#fingers.clear();
            this.#ask(selected);
        }
    }

    /** @param {PointerEvent} event */
    #cancel(event) {
        this.#fingers.delete(event.pointerId);
        this.#begin = undefined;
        this.#pinch = undefined;
        this.#selection.setAttribute("visibility", "hidden");
    }

    /** @param {KeyboardEvent} event */
    #type(event) {
        if (event.ctrlKey || event.altKey || event.metaKey) {
            return;
        }
        const width = (this.to - this.from) / this.interval;
        const newest = Math.min(width, ...this.#lines.slice(0, 1).map((line) => line.newest()));
        const place = Number.isNaN(this.#place) ? Math.max(0, newest) : this.#place;
        const share = this.#shareOf(place);
        /** @type {Record<string, () => void>} */
        const keys = {
            ArrowLeft: () => (event.shiftKey ? this.#ask([-0.5, 0.5]) : this.#step(place, -1)),
            ArrowRight: () => (event.shiftKey ? this.#ask([0.5, 1.5]) : this.#step(place, 1)),
            Home: () => this.#step(-Infinity, 1),
            End: () => this.#step(Infinity, -1),
            "+": () => this.#zoom(0.5, share),
            "-": () => this.#zoom(2, share),
            Escape: () => this.#hide(),
        };
        const action = keys[event.key === "=" ? "+" : event.key];
        if (action) {
            event.preventDefault();
            action();
        }
    }

    /**
     * Goes to the next bucket with a value.
     * @param {number} place
     * @param {1 | -1} direction
     */
    #step(place, direction) {
        const places = this.#lines.flatMap((line) => [...line.places()]);
        const further = places.filter((other) => (other - place) * direction > 0);
        const next = direction > 0 ? Math.min(...further) : Math.max(...further);
        if (Number.isFinite(next)) {
            this.#say("polite");
            this.#show(this.#shareOf(next));
        }
    }

    /**
     * Says to screen readers whether to read values aloud: those that are stepped to, not those under a moving pointer.
     * @param {"polite" | "off"} manner
     */
    #say(manner) {
        if (this.#output && this.#output.ariaLive !== manner) {
            this.#output.ariaLive = manner;
        }
    }

    /**
     * Where the middle of a bucket is, as a share of the width.
     * @param {number} place
     */
    #shareOf(place) {
        return (this.#number("start") + (place + 0.5) * this.interval - this.from) / (this.to - this.from);
    }

    #hide() {
        this.#place = NaN;
        this.#crosshair.setAttribute("visibility", "hidden");
        if (this.#output) {
            this.#output.textContent = "";
        }
    }

    /**
     * Shows the values at a place.
     * @param {number} share
     */
    #show(share) {
        const time = this.from + share * (this.to - this.from);
        this.#place = Math.floor((time - this.#number("start")) / this.interval);
        const texts = [];
        const marks = [];
        for (const [number, line] of this.#lines.entries()) {
            const bucket = line.bucket(this.#place);
            if (bucket) {
                texts.push(`${line.label} ${this.#written(bucket)}`);
                marks.push(this.#mark(`line-${number + 1}`, this.#shareOf(this.#place), bucket.average));
            }
        }
        const units = (time - this.#number("start")) / this.interval - 0.5;
        const expected = texts.length === 0 ? at(this.#forecast, units) : undefined;
        if (expected !== undefined) {
            texts.push(`${this.#plot.dataset["forecast"]} ${this.#value(expected)}\u00a0${this.#plot.dataset["unit"]}`);
            marks.push(this.#mark("line-1", share, expected));
        }
        const silence = this.#silenceAt(share);
        if (silence) {
            texts.push(silence);
        }
        const snaps = marks.length > 0 && expected === undefined;
        const x = percent(snaps ? this.#shareOf(this.#place) : share);
        this.#crosshair.replaceChildren(element("line", { x1: x, x2: x, y2: "100%" }), ...marks);
        this.#crosshair.setAttribute("visibility", "visible");
        if (this.#output) {
            this.#output.textContent = `${this.#moment(time)}: ${texts.join(" \u00b7 ") || "\u2013"}`;
        }
    }

    /**
     * @param {string} name
     * @param {number} share
     * @param {number} height
     */
    #mark(name, share, height) {
        const [, top = 0, , whole = 1] = (this.#plot.querySelector(".data")?.getAttribute("viewBox") ?? "").split(" ").map(Number);
        return element("circle", { class: name, cx: percent(share), cy: percent((height - top) / whole), r: 4 });
    }

    /** @param {number} share */
    #silenceAt(share) {
        for (const area of this.#plot.querySelectorAll("rect.silence")) {
            const [left = 0, width = 0] = ["x", "width"].map((name) => parseFloat(area.getAttribute(name) ?? "") / 100);
            if (left <= share && share <= left + width) {
                return area.querySelector("title")?.textContent ?? undefined;
            }
        }
        return undefined;
    }

    /** @param {number} height */
    #value(height) {
        const decimals = this.#number("decimals");
        const options = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
        const value = this.#number("top") - height * this.#number("step");
        return new Intl.NumberFormat(language, options).format(value);
    }

    /** @param {Bucket} bucket */
    #written({ low, average, high }) {
        const unit = this.#plot.dataset["unit"] ? `\u00a0${this.#plot.dataset["unit"]}` : "";
        const text = `${this.#value(average)}${unit}`;
        return this.#value(low) === this.#value(high) ? text : `${text} (${this.#value(low)}\u00a0\u2013\u00a0${this.#value(high)})`;
    }

    /**
     * A moment, as exactly as the buckets are.
     * @param {number} time
     */
    #moment(time) {
        const start = this.#number("start") + this.#place * this.interval;
        const zone = this.#plot.dataset["zone"];
        /** @type {Intl.DateTimeFormatOptions} */
        const day = { weekday: "short", day: "numeric", month: "short", ...(zone ? { timeZone: zone } : {}) };
        /** @type {Intl.DateTimeFormatOptions} */
        const minute = { ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
        const isDay = this.interval >= 86_400;
        /** @type {Intl.DateTimeFormatOptions} */
        const options = isDay ? { ...day, year: "numeric" } : minute;
        return new Intl.DateTimeFormat(language, options).format((isDay ? time : start) * 1000);
    }

    /**
     * @param {number} factor
     * @param {number} share what stays where it is
     */
    #zoom(factor, share) {
        this.#ask([share - share * factor, share + (1 - share) * factor]);
    }

    /**
     * Asks for another range, given as shares of this one.
     * @param {[number, number]} shares
     */
    #ask([left, right]) {
        const span = this.to - this.from;
        const middle = this.from + ((left + right) / 2) * span;
        const half = Math.max(NARROWEST, (right - left) * span) / 2;
        // There is nothing beyond now, except for what is shown already.
        const end = Math.min(middle + half, Math.max(this.to, Date.now() / 1000));
        const detail = { from: Math.round(Math.min(middle - half, end - NARROWEST)), to: Math.round(end) };
        const event = new CustomEvent("chart:range", { bubbles: true, cancelable: true, detail });
        if (this.#figure.dispatchEvent(event)) {
            show(detail);
        }
    }

    /** @param {Measurement} measurement */
    grow(measurement) {
        const time = Date.parse(measurement.timestamp) / 1000;
        const place = Math.floor((time - this.#number("start")) / this.interval);
        for (const line of this.#lines) {
            const value = line.valueIn(measurement);
            if (value === undefined) {
                continue;
            }
            const height = (this.#number("top") - value) / this.#number("step");
            const [, top = 0, , whole = 1] = (this.#plot.querySelector(".data")?.getAttribute("viewBox") ?? "").split(" ").map(Number);
            const isEmpty = line.newest() === -Infinity;
            const fits = !isEmpty && time < this.to && height >= top && height <= top + whole;
            if (!fits || Date.now() - this.#born > OLD) {
                refresh();
            }
            if (fits) {
                line.add(place, height);
                this.#grows ||= requestAnimationFrame(() => {
                    this.#grows = 0;
                    for (const each of this.#lines) {
                        each.redraw();
                    }
                });
            }
        }
    }
}

/** @param {number} share */
function percent(share) {
    return `${Math.round(share * 1e5) / 1e3}%`;
}

/** @type {Map<Element, TimeChart>} */
const charts = new Map();

/**
 * Shows the page's charts in another range, which can be gone back from.
 * @param {TimeRange} range
 */
function show({ from, to }) {
    const address = new URL(location.href);
    address.searchParams.set("from", String(from));
    address.searchParams.set("to", String(to));
    history.pushState(null, "", address);
    void load();
}

/** The number of the newest request: an answer to an older one comes too late. */
let newest = 0;
let refreshing = false;

/** Fetches the page anew, and takes its charts, and what belongs to their range, from it. */
async function load() {
    const number = ++newest;
    document.documentElement.ariaBusy = "true";
    try {
        const answer = await fetch(location.href, { headers: { accept: "text/html" } });
        const text = await answer.text();
        if (!answer.ok || number !== newest) {
            return;
        }
        const page = new DOMParser().parseFromString(text, "text/html");
        for (const old of document.querySelectorAll("figure.chart[id], [id][data-range]")) {
            const fresh = page.getElementById(old.id);
            if (fresh) {
                const focused = old.contains(document.activeElement);
                old.replaceWith(fresh);
                enhance(document);
                if (focused) {
                    fresh.querySelector("svg")?.focus();
                }
            }
        }
    } catch {
        // The link is away; the charts stay as they are, and the page says so elsewhere.
    } finally {
        if (number === newest) {
            document.documentElement.ariaBusy = null;
        }
    }
}

/** Fetches the page anew, once a minute at most. */
function refresh() {
    if (!refreshing) {
        refreshing = true;
        setTimeout(() => (refreshing = false), 60_000);
        void load();
    }
}

/**
 * Saves the picture that a link leads to as a PNG, twice as fine as a screen.
 * @param {HTMLAnchorElement} link
 */
async function save(link) {
    const picture = new Image();
    picture.src = link.href;
    await picture.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.naturalWidth * 2, picture.naturalHeight * 2];
    canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    if (blob instanceof Blob) {
        const address = URL.createObjectURL(blob);
        const made = document.createElement("a");
        [made.href, made.download] = [address, link.dataset["png"] || "chart.png"];
        made.click();
        setTimeout(() => URL.revokeObjectURL(address), 60_000);
    }
}

/**
 * Makes the charts in a part of the page show their values.
 * @param {ParentNode} root
 */
export function enhance(root) {
    for (const [plot, chart] of charts) {
        if (!chart.isShown) {
            charts.delete(plot);
        }
    }
    for (const plot of root.querySelectorAll("figure.chart svg.plot")) {
        const figure = plot.closest("figure");
        if (plot instanceof SVGSVGElement && figure && !charts.has(plot)) {
            charts.set(plot, new TimeChart(figure, plot));
        }
    }
    for (const link of root.querySelectorAll("a[data-png][hidden]")) {
        link.removeAttribute("hidden");
    }
}

enhance(document);
addEventListener("popstate", () => void load());
document.addEventListener("refreshed", () => enhance(document));
document.addEventListener("live:gap", refresh);
document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[data-png]") : null;
    if (link instanceof HTMLAnchorElement) {
        event.preventDefault();
        save(link).catch(() => location.assign(link.href));
    }
});
document.addEventListener("live:measurement", (event) => {
    if (event instanceof CustomEvent) {
        for (const chart of charts.values()) {
            chart.grow(event.detail);
        }
    }
});
