/**
 * Moves and zooms maps, and joins nodes that would cover each other to clusters. The map itself comes from the server;
 * this places its parts anew. Call `enhance` on a part of the page that was replaced, or send `refreshed` to the document.
 *
 * An event `map:filter` on a map, whose detail is a set of names, or null for all, hides the other nodes.
 */

/**
 * @typedef {{x: number, y: number}} Point in the projected world, whose width and height are 1
 * @typedef {{centre: Point, width: number}} View
 * @typedef {object} MapNode
 * @property {SVGAElement} link
 * @property {SVGUseElement} mark
 * @property {SVGTextElement} text
 * @property {string} name
 * @property {number} latitude
 * @property {number} longitude
 * @property {Point} point
 * @property {number} level the place in LEVELS
 * @property {boolean} hidden
 * @typedef {{left: number, top: number, right: number, bottom: number}} Rectangle
 */

const SVG = "http://www.w3.org/2000/svg";

/** The levels, the best first. */
const LEVELS = ["ok", "unknown", "attention", "urgent"];

/** The circumference of the earth at the equator, and its radius, metres. */
const CIRCUMFERENCE = 40_075_017;
const RADIUS = 6_371_000;

const PROPORTION = 4 / 3;

/** The least and the greatest width of what is shown, in widths of the world. */
const LEAST_WIDTH = 50 / CIRCUMFERENCE;
const GREATEST_WIDTH = PROPORTION;

/** The width of a tile, pixels of the screen. */
const TILE = 256;

/** Nodes nearer to each other than this are joined, and the radius of a cluster, CSS pixels. */
const NEAR = 18;
const CLUSTER = 11;

/** The width of a letter and the height of a line, and the distances from a mark's middle to its edge and name. */
const LETTER = { width: 6.8, height: 14 };
const MARK = { edge: 7, name: 10 };

/** The most meridians, and parallels, and the part of the width that the scale may take. */
const LINES = 5;
const SCALE = 0.12;

const language = document.documentElement.lang || "en";

/**
 * @param {number} latitude
 * @param {number} longitude
 * @returns {Point}
 */
function project(latitude, longitude) {
    const sine = Math.sin((Math.max(-85.0511, Math.min(85.0511, latitude)) * Math.PI) / 180);
    return { x: longitude / 360 + 0.5, y: 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI) };
}

/** @param {number} y */
function latitudeOf(y) {
    return (Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) * 180) / Math.PI;
}

/** @param {number} x */
function longitudeOf(x) {
    return (x - 0.5) * 360;
}

/**
 * The distance of two nodes, metres (haversine formula).
 * @param {MapNode} a
 * @param {MapNode} b
 */
function distance(a, b) {
    const radians = Math.PI / 180;
    const north = Math.sin(((b.latitude - a.latitude) * radians) / 2);
    const east = Math.sin(((b.longitude - a.longitude) * radians) / 2);
    const chord = north * north + Math.cos(a.latitude * radians) * Math.cos(b.latitude * radians) * east * east;
    return 2 * RADIUS * Math.asin(Math.min(1, Math.sqrt(chord)));
}

/**
 * The smallest number that is 1, 2 or 5 times a power of ten and not smaller than another.
 * @param {number} number
 */
function round(number) {
    const power = 10 ** Math.floor(Math.log10(number));
    return power * ([1, 2, 5].find((digit) => digit * power >= number * (1 - 1e-9)) ?? 10);
}

/** @param {number} metres */
function written(metres) {
    const far = metres >= 1000;
    const digits = far && metres < 10_000 ? 1 : 0;
    const number = new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(metres / (far ? 1000 : 1));
    return `${number}\u00a0${far ? "km" : "m"}`;
}

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 * @returns {SVGElementTagNameMap[Tag]}
 */
function element(tag, attributes, text) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) {
        made.setAttribute(name, String(value));
    }
    if (text !== undefined) {
        made.textContent = text;
    }
    return made;
}

/** @param {number} share */
function percent(share) {
    return `${Math.round(share * 1e5) / 1e3}%`;
}

/**
 * @param {Rectangle} a
 * @param {Rectangle} b
 */
function overlap(a, b) {
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/** A place where rectangles are taken, divided into cells so that few have to be compared. */
class Taken {
    /** @type {Map<string, Rectangle[]>} */
    #cells = new Map();

    /**
     * @param {Rectangle} rectangle
     * @param {(cell: string) => boolean} visit returns true to stop
     */
    static #each(rectangle, visit) {
        const size = 64;
        for (let x = Math.floor(rectangle.left / size); x <= Math.floor(rectangle.right / size); x++) {
            for (let y = Math.floor(rectangle.top / size); y <= Math.floor(rectangle.bottom / size); y++) {
                if (visit(`${x} ${y}`)) {
                    return true;
                }
            }
        }
        return false;
    }

    /** @param {Rectangle} rectangle */
    add(rectangle) {
        Taken.#each(rectangle, (cell) => {
            const others = this.#cells.get(cell);
            if (others) {
                others.push(rectangle);
            } else {
                this.#cells.set(cell, [rectangle]);
            }
            return false;
        });
    }

    /** @param {Rectangle} rectangle */
    isFree(rectangle) {
        return !Taken.#each(rectangle, (cell) => !!this.#cells.get(cell)?.some((other) => overlap(other, rectangle)));
    }
}

class MeshMap {
    /** @type {SVGSVGElement} */ #svg;
    /** @type {HTMLElement | null} */ #figure;
    /** @type {MapNode[]} */ #nodes;
    /** @type {View} */ #whole;
    /** @type {View} */ #view;
    /** @type {SVGGElement} */ #clusters = element("g", { class: "clusters" });
    /** @type {Map<number, {x: number, y: number}>} */ #pointers = new Map();
    #moved = false;
    #frame = 0;

    /** @param {SVGSVGElement} svg */
    constructor(svg) {
        this.#svg = svg;
        this.#figure = svg.closest("figure");
        this.#nodes = [...svg.querySelectorAll("a[data-at]")].flatMap((link) => {
            const mark = link.querySelector("use");
            const text = link.querySelector("text");
            if (!(link instanceof SVGAElement) || !mark || !text) {
                return [];
            }
            const [latitude = 0, longitude = 0] = (link.dataset["at"] ?? "").split(" ").map(Number);
            const level = LEVELS.findIndex((name) => link.classList.contains(name));
            const name = text.textContent ?? "";
            return [{ link, mark, text, name, latitude, longitude, point: project(latitude, longitude), level, hidden: false }];
        });
        const [latitude = 0, longitude = 0, degrees = 360] = (svg.dataset["view"] ?? "").split(" ").map(Number);
        this.#whole = { centre: project(latitude, longitude), width: degrees / 360 };
        this.#view = this.#remembered() ?? this.#whole;
        svg.querySelector(".nodes")?.after(this.#clusters);
        svg.classList.add("moves");
        svg.tabIndex = 0;
        this.#listen();
        new ResizeObserver(() => this.#redraw()).observe(svg);
        this.#redraw();
    }

    #listen() {
        const svg = this.#svg;
        svg.addEventListener("dragstart", (event) => event.preventDefault());
        svg.addEventListener("pointerdown", (event) => this.#press(event));
        svg.addEventListener("pointermove", (event) => this.#drag(event));
        for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
            svg.addEventListener(end, (event) => this.#pointers.delete(event.pointerId));
        }
        // A drag that ends on a node does not open its page.
        svg.addEventListener("click", (event) => this.#moved && event.preventDefault(), { capture: true });
        svg.addEventListener("wheel", (event) => this.#turn(event), { passive: false });
        svg.addEventListener("dblclick", (event) => this.#zoom(0.5, this.#share(event)));
        svg.addEventListener("keydown", (event) => this.#type(event));
        svg.addEventListener("pointerover", (event) => this.#tellNearest(event));
        svg.addEventListener("focusin", (event) => this.#focus(event));
        svg.addEventListener("map:filter", (event) => this.#filter(event));
        const controls = this.#figure?.querySelector(".controls");
        if (controls instanceof HTMLElement) {
            controls.hidden = false;
            controls.addEventListener("click", ({ target }) => {
                const what = target instanceof HTMLElement ? target.dataset["do"] : undefined;
                if (what) {
                    this.#do(what);
                }
            });
        }
    }

    /** @param {string} what */
    #do(what) {
        if (what === "in" || what === "out") {
            this.#zoom(what === "in" ? 0.5 : 2, { x: 0.5, y: 0.5 });
        } else {
            this.#show(this.#whole);
        }
    }

    /** @param {KeyboardEvent} event */
    #type(event) {
        if (event.ctrlKey || event.altKey || event.metaKey) {
            return;
        }
        /** @type {Record<string, [number, number]>} */
        const steps = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] };
        /** @type {Record<string, string>} */
        const commands = { "+": "in", "=": "in", "-": "out", 0: "all" };
        const [step, command] = [steps[event.key], commands[event.key]];
        if (step) {
            this.#pan(step[0], step[1]);
        } else if (command) {
            this.#do(command);
        } else {
            return;
        }
        event.preventDefault();
    }

    /** @param {PointerEvent} event */
    #press(event) {
        if (event.button !== 0) {
            return;
        }
        if (this.#pointers.size === 0) {
            this.#moved = false;
        }
        this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    }

    /** @param {PointerEvent} event */
    #drag(event) {
        const before = this.#pointers.get(event.pointerId);
        if (!before) {
            return;
        }
        const after = { x: event.clientX, y: event.clientY };
        // A finger is never quite still.
        if (!this.#moved && Math.hypot(after.x - before.x, after.y - before.y) < 5) {
            return;
        }
        if (!this.#moved) {
            this.#moved = true;
            this.#svg.setPointerCapture(event.pointerId);
        }
        this.#pointers.set(event.pointerId, after);
        const { width, height } = this.#svg.getBoundingClientRect();
        const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
        if (!other) {
            this.#pan((before.x - after.x) / width, (before.y - after.y) / height);
            return;
        }
        // Two fingers: what lies between them stays there.
        const apart = (/** @type {Point} */ point) => Math.max(20, Math.hypot(point.x - other.x, point.y - other.y));
        this.#pan((before.x - after.x) / 2 / width, (before.y - after.y) / 2 / height);
        const middle = { clientX: (after.x + other.x) / 2, clientY: (after.y + other.y) / 2 };
        this.#zoom(apart(before) / apart(after), this.#share(middle));
    }

    /** @param {WheelEvent} event */
    #turn(event) {
        event.preventDefault();
        const pixels = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * 30;
        this.#zoom(Math.exp(Math.max(-200, Math.min(200, pixels)) * (event.ctrlKey ? 0.01 : 0.003)), this.#share(event));
    }

    /**
     * Where a pointer is, as shares of the width and height.
     * @param {{clientX: number, clientY: number}} event
     */
    #share(event) {
        const { left, top, width, height } = this.#svg.getBoundingClientRect();
        return { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
    }

    /**
     * @param {number} across
     * @param {number} down
     */
    #pan(across, down) {
        const { centre, width } = this.#view;
        this.#show({ centre: { x: centre.x + across * width, y: centre.y + (down * width) / PROPORTION }, width });
    }

    /**
     * Changes the width by a factor, around a place that stays where it is.
     * @param {number} factor
     * @param {Point} share
     */
    #zoom(factor, share) {
        const { centre, width } = this.#view;
        const wanted = Math.max(LEAST_WIDTH, Math.min(GREATEST_WIDTH, width * factor));
        const change = width - wanted;
        const x = centre.x + (share.x - 0.5) * change;
        const y = centre.y + ((share.y - 0.5) * change) / PROPORTION;
        this.#show({ centre: { x, y }, width: wanted });
    }

    /** @param {View} view */
    #show(view) {
        this.#view = { centre: { x: view.centre.x, y: Math.max(0, Math.min(1, view.centre.y)) }, width: view.width };
        this.#remember();
        this.#redraw();
    }

    #key() {
        return `map ${this.#figure?.id} ${this.#svg.dataset["view"]}`;
    }

    /** Whoever comes back from a node's page finds the map as it was. */
    #remember() {
        try {
            sessionStorage.setItem(this.#key(), JSON.stringify(this.#view));
        } catch {
            // Some browsers keep nothing for a page; then it starts anew.
        }
    }

    /** @returns {View | undefined} */
    #remembered() {
        try {
            const view = JSON.parse(sessionStorage.getItem(this.#key()) ?? "null");
            return [view?.centre?.x, view?.centre?.y, view?.width].every(Number.isFinite) ? view : undefined;
        } catch {
            return undefined;
        }
    }

    /** @param {Event} event */
    #filter(event) {
        const names = event instanceof CustomEvent && event.detail instanceof Set ? event.detail : null;
        for (const node of this.#nodes) {
            node.hidden = names !== null && !names.has(node.name);
        }
        this.#redraw();
    }

    /** @param {EventTarget | null} target */
    #nodeOf(target) {
        return target instanceof Node ? this.#nodes.find((node) => node.link.contains(target)) : undefined;
    }

    /** @param {Event} event */
    #tellNearest({ target }) {
        const node = this.#nodeOf(target);
        const output = this.#figure?.querySelector("output.nearest");
        if (!node || !(output instanceof HTMLOutputElement)) {
            return;
        }
        const others = this.#nodes.filter((other) => other !== node && !other.hidden);
        const nearest = others.map((other) => ({ name: other.name, metres: distance(node, other) }));
        nearest.sort((a, b) => a.metres - b.metres);
        const list = nearest.slice(0, 3).map(({ name, metres }) => `${name} ${written(metres)}`);
        output.textContent = list.length > 0 ? `${node.name}: ${output.dataset["nearest"]} ${list.join(", ")}` : node.name;
    }

    /** @param {FocusEvent} event */
    #focus(event) {
        const node = this.#nodeOf(event.target);
        if (!node) {
            return;
        }
        this.#tellNearest(event);
        const { x, y } = this.#place(node.point);
        if (x < 0 || x > 1 || y < 0 || y > 1) {
            this.#show({ centre: node.point, width: this.#view.width });
            // The browser has scrolled the page to where the node was.
            this.#svg.scrollIntoView({ block: "nearest" });
        }
    }

    /**
     * Where a point is, as shares of the width and height.
     * @param {Point} point
     */
    #place({ x, y }) {
        const { centre, width } = this.#view;
        return { x: (x - centre.x) / width + 0.5, y: ((y - centre.y) / width) * PROPORTION + 0.5 };
    }

    #redraw() {
        this.#frame ||= requestAnimationFrame(() => {
            this.#frame = 0;
            this.#drawGround();
            this.#drawNodes();
            this.#drawGrid();
            this.#drawScale();
        });
    }

    #drawNodes() {
        const { width, height } = this.#svg.getBoundingClientRect();
        if (width === 0) {
            return;
        }
        const groups = this.#groups(width, height);
        const taken = new Taken();
        taken.add({ left: width * (0.97 - SCALE * 2.5), top: 0, right: width, bottom: height * 0.06 + LETTER.height * 1.5 });
        /** @type {SVGGElement[]} */
        const clusters = [];
        /** @type {{node: MapNode, x: number, y: number}[]} */
        const single = [];
        for (const { nodes, x, y } of groups) {
            const [first] = nodes;
            if (first && nodes.length === 1) {
                single.push({ node: first, x, y });
            } else if (this.#view.width > LEAST_WIDTH * 1.01) {
                clusters.push(this.#cluster(nodes, x / width, y / height));
                taken.add({ left: x - CLUSTER, top: y - CLUSTER, right: x + CLUSTER, bottom: y + CLUSTER });
            } else {
                // They share a mast: no zooming parts them, so they stand around it.
                for (const [place, node] of nodes.entries()) {
                    const angle = (place / nodes.length) * 2 * Math.PI;
                    const radius = Math.max(14, nodes.length * 3);
                    single.push({ node, x: x + radius * Math.sin(angle), y: y - radius * Math.cos(angle) });
                }
            }
        }
        for (const node of this.#nodes) {
            node.link.classList.add("away");
        }
        for (const { x, y } of single) {
            taken.add({ left: x - MARK.edge, top: y - MARK.edge, right: x + MARK.edge, bottom: y + MARK.edge });
        }
        // Names are given room in the order of urgency.
        single.sort((a, b) => b.node.level - a.node.level);
        for (const { node, x, y } of single) {
            node.link.classList.remove("away");
            node.mark.setAttribute("x", percent(x / width));
            node.mark.setAttribute("y", percent(y / height));
            this.#write(node, x, y, width, height, taken);
        }
        const focused = this.#clusters.contains(document.activeElement);
        this.#clusters.replaceChildren(...clusters);
        if (focused) {
            this.#svg.focus();
        }
    }

    /**
     * The nodes that are shown, those too near to each other in one group, with its place in pixels.
     * @param {number} width
     * @param {number} height
     */
    #groups(width, height) {
        /** @type {Map<string, {nodes: MapNode[], x: number, y: number}[]>} */
        const cells = new Map();
        const groups = [];
        const shown = this.#nodes.filter((node) => !node.hidden).sort((a, b) => b.level - a.level);
        for (const node of shown) {
            const share = this.#place(node.point);
            const [x, y] = [share.x * width, share.y * height];
            const [column, row] = [Math.floor(x / NEAR), Math.floor(y / NEAR)];
            let found;
            for (let across = column - 1; across <= column + 1 && !found; across++) {
                for (let down = row - 1; down <= row + 1 && !found; down++) {
                    found = cells.get(`${across} ${down}`)?.find((group) => Math.hypot(group.x - x, group.y - y) < NEAR);
                }
            }
            if (found) {
                found.nodes.push(node);
            } else {
                const group = { nodes: [node], x, y };
                const cell = cells.get(`${column} ${row}`);
                if (cell) {
                    cell.push(group);
                } else {
                    cells.set(`${column} ${row}`, [group]);
                }
                groups.push(group);
            }
        }
        return groups;
    }

    /**
     * @param {MapNode[]} nodes
     * @param {number} across
     * @param {number} down
     */
    #cluster(nodes, across, down) {
        const worst = Math.max(...nodes.map((node) => node.level));
        const level = LEVELS[worst] ?? "unknown";
        const [x, y] = [percent(across), percent(down)];
        const names = nodes.slice(0, 12).map((node) => node.name);
        const label = `${nodes.length}: ${names.join(", ")}${nodes.length > names.length ? " \u2026" : ""}`;
        const group = element("g", { class: `cluster ${level}`, role: "button", tabindex: 0, "aria-label": label });
        const mark = element("svg", { x, y, overflow: "visible" });
        const sign = element("use", { href: `#${this.#figure?.id}-${level}`, x: CLUSTER - 2, y: 1 - CLUSTER });
        mark.append(element("circle", { r: CLUSTER }), element("text", { dy: ".35em" }, String(nodes.length)), sign);
        group.append(element("title", {}, label), mark);
        const open = () => this.#fit(nodes);
        group.addEventListener("click", open);
        group.addEventListener("keydown", (event) => {
            if (event.key === "Enter" || event.key === " ") {
                event.preventDefault();
                open();
            }
        });
        return group;
    }

    /**
     * Zooms in on some nodes, by half at least.
     * @param {MapNode[]} nodes
     */
    #fit(nodes) {
        if (this.#moved) {
            return;
        }
        const [xs, ys] = [nodes.map((node) => node.point.x), nodes.map((node) => node.point.y)];
        const [west, east, north, south] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
        const width = Math.max(east - west, (south - north) * PROPORTION) * 1.3;
        const wanted = Math.max(LEAST_WIDTH, Math.min(width, this.#view.width / 2));
        this.#show({ centre: { x: (west + east) / 2, y: (north + south) / 2 }, width: wanted });
    }

    /**
     * Writes the name of a node where there is room, in the same order of sides as the server.
     * @param {MapNode} node
     * @param {number} x
     * @param {number} y
     * @param {number} width
     * @param {number} height
     * @param {Taken} taken
     */
    #write(node, x, y, width, height, taken) {
        const length = [...node.name].length * LETTER.width;
        const beside = { top: y - LETTER.height / 2, bottom: y + LETTER.height / 2 };
        const middle = { left: x - length / 2, right: x + length / 2 };
        const sides = [
            { dx: 10, dy: ".35em", anchor: "start", left: x + MARK.name, right: x + MARK.name + length, ...beside },
            { dx: -10, dy: ".35em", anchor: "end", left: x - MARK.name - length, right: x - MARK.name, ...beside },
            { dx: 0, dy: "1.6em", anchor: "middle", ...middle, top: y + MARK.edge, bottom: y + MARK.edge + LETTER.height },
            { dx: 0, dy: "-.9em", anchor: "middle", ...middle, top: y - MARK.edge - LETTER.height, bottom: y - MARK.edge },
        ];
        const room = sides.find((side) => {
            const inside = side.left >= 0 && side.top >= 0 && side.right <= width && side.bottom <= height;
            return inside && taken.isFree(side);
        });
        if (room) {
            taken.add(room);
        }
        const { dx, dy, anchor } = room ?? /** @type {NonNullable<typeof room>} */ (sides[0]);
        node.text.classList.remove("fine");
        node.text.classList.toggle("crowded", !room);
        const attributes = { x: percent(x / width), y: percent(y / height), dx, dy, "text-anchor": anchor };
        for (const [name, value] of Object.entries(attributes)) {
            node.text.setAttribute(name, String(value));
        }
    }

    #drawGrid() {
        const { centre, width } = this.#view;
        const height = width / PROPORTION;
        const [north = "N", east = "E", south = "S", west = "W"] = (this.#svg.dataset["directions"] ?? "").split(" ");
        const [left, right] = [longitudeOf(centre.x - width / 2), longitudeOf(centre.x + width / 2)];
        const [top, bottom] = [latitudeOf(centre.y - height / 2), latitudeOf(centre.y + height / 2)];
        const lines = [];
        const across = round((right - left) / LINES);
        for (let count = Math.ceil(left / across); count * across <= right; count++) {
            const longitude = count * across;
            const x = percent(this.#place(project(0, longitude)).x);
            const wrapped = ((((longitude + 180) % 360) + 360) % 360) - 180;
            const label = degrees(wrapped, across, east, west);
            lines.push(element("line", { x1: x, x2: x, y2: "100%" }), element("text", { x, y: "100%", dx: 3, dy: -4 }, label));
        }
        const down = round((top - bottom) / LINES);
        for (let count = Math.ceil(bottom / down); count * down <= top; count++) {
            const y = percent(this.#place(project(count * down, 0)).y);
            const label = degrees(count * down, down, north, south);
            lines.push(element("line", { x2: "100%", y1: y, y2: y }), element("text", { y, dx: 3, dy: -3 }, label));
        }
        this.#svg.querySelector(".grid")?.replaceChildren(...lines);
    }

    #drawGround() {
        const { tiles, deepest } = this.#svg.dataset;
        const ground = this.#svg.querySelector(".ground");
        if (!tiles || !ground) {
            return;
        }
        const { centre, width } = this.#view;
        const height = width / PROPORTION;
        const pixels = this.#svg.getBoundingClientRect().width * Math.min(devicePixelRatio, 2);
        const zoom = Math.max(0, Math.min(Number(deepest), Math.floor(Math.log2(pixels / TILE / width))));
        const count = 2 ** zoom;
        const number = (/** @type {number} */ place) => Math.floor(place * count);
        const old = new Map([...ground.children].map((tile) => [tile.getAttribute("data-tile"), tile]));
        const images = [];
        const [top, bottom] = [number(centre.y - height / 2), number(centre.y + height / 2)];
        for (let y = Math.max(0, top); y <= Math.min(count - 1, bottom); y++) {
            for (let x = number(centre.x - width / 2); x <= number(centre.x + width / 2); x++) {
                const key = `${zoom} ${x} ${y}`;
                const column = ((x % count) + count) % count;
                const href = tiles.replace("{z}", String(zoom)).replace("{x}", String(column)).replace("{y}", String(y));
                const image = old.get(key) ?? element("image", { href, "data-tile": key, preserveAspectRatio: "none" });
                const from = this.#place({ x: x / count, y: y / count });
                const to = this.#place({ x: (x + 1) / count, y: (y + 1) / count });
                const sides = { x: from.x, y: from.y, width: to.x - from.x, height: to.y - from.y };
                for (const [name, share] of Object.entries(sides)) {
                    image.setAttribute(name, percent(share));
                }
                images.push(image);
            }
        }
        ground.replaceChildren(...images);
    }

    #drawScale() {
        const { centre, width } = this.#view;
        const metres = width * CIRCUMFERENCE * Math.cos((latitudeOf(centre.y) * Math.PI) / 180);
        const length = round(metres * SCALE);
        const left = 0.97 - length / metres;
        const [from, middle, to] = [left, (left + 0.97) / 2, 0.97].map(percent);
        if (!from || !middle || !to) {
            return;
        }
        const line = element("line", { x1: from, x2: to, y1: "5%", y2: "5%" });
        const ends = [from, to].map((x) => element("line", { x1: x, x2: x, y1: "5%", y2: "6%" }));
        const half = element("line", { x1: middle, x2: middle, y1: "5%", y2: "5.6%" });
        const label = element("text", { x: to, y: "6%", dy: "1.1em", "text-anchor": "end" }, written(length));
        this.#svg.querySelector(".scale")?.replaceChildren(line, ...ends, half, label);
    }
}

/**
 * A latitude or longitude with as many decimals as its grid needs.
 * @param {number} value
 * @param {number} step
 * @param {string} positive
 * @param {string} negative
 */
function degrees(value, step, positive, negative) {
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const options = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    const number = new Intl.NumberFormat(language, options).format(Math.abs(value));
    return `${number}\u00b0\u00a0${value < 0 ? negative : positive}`;
}

/** @type {WeakSet<Element>} */
const enhanced = new WeakSet();

/**
 * Lets the maps in a part of the page be moved.
 * @param {ParentNode} root
 */
export function enhance(root) {
    for (const svg of root.querySelectorAll("figure.map svg.map")) {
        if (svg instanceof SVGSVGElement && !enhanced.has(svg)) {
            enhanced.add(svg);
            new MeshMap(svg);
        }
    }
}

enhance(document);
// The server selects the nodes, so that the address shows the same to somebody else.
document.querySelector("form.filter")?.addEventListener("change", ({ currentTarget }) => {
    if (currentTarget instanceof HTMLFormElement) {
        const fields = [...new FormData(currentTarget)].map(([name, value]) => [name, String(value)]);
        location.search = String(new URLSearchParams(fields.filter(([, value]) => value !== "")));
    }
});
document.addEventListener("refreshed", () => enhance(document));
