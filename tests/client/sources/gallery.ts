/** Tries the charts and maps of the gallery, as a person does, and takes pictures of them. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import puppeteer, { type Browser, type ElementHandle, type Page } from "puppeteer-core";

const { CHROMIUM = "/usr/bin/chromium" } = process.env;
const [folder] = process.argv.slice(2);
assert(folder, "an argument is to name the folder with the gallery; run .ci/gallery");

/** The widths of a phone and of a screen. */
const WIDTHS = [360, 1200];

/** What pages of the server may do, except that the gallery has its scripts and styles in itself. */
const POLICY =
    "default-src 'none'; script-src 'unsafe-inline'; style-src-elem 'unsafe-inline'; style-src-attr 'none'; " +
    "connect-src 'self'; img-src 'self' data:";

/** The queries with which pages were asked for. */
const queries: string[] = [];

/** Those who follow live events, each with the query. */
const listeners = new Map<ServerResponse, string>();

const server = createServer(async (request, response) => {
    const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/api/v1/live") {
        listeners.set(response, search);
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write("retry: 100\n\n");
        request.on("close", () => listeners.delete(response));
        return;
    }
    if (pathname === "/chart.svg") {
        response.writeHead(200, { "content-type": "image/svg+xml" });
        response.end('<svg xmlns="http://www.w3.org/2000/svg" width="300" height="100"><rect width="9" height="9"/></svg>');
        return;
    }
    if (pathname === "/favicon.ico") {
        response.writeHead(204).end();
        return;
    }
    const page = await readFile(join(folder, `${pathname.slice(1)}.html`), "utf8").catch(() => undefined);
    if (search) {
        queries.push(search);
    }
    response.writeHead(page === undefined ? 404 : 200, {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": POLICY,
    });
    // A chart of another range has another title here.
    response.end(search ? page?.replaceAll("Battery voltage of Hafen", `Range ${search.slice(1)}`) : page);
});
await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const checks: Record<string, (page: Page) => Promise<void>> = {
    async "a chart tells the values at the pointer, and why there are none"(page) {
        const plot = await one(page, "#day svg.plot");
        const box = await plot.boundingBox();
        assert(box);
        // From a day before to 18 hours after noon UTC, which is 13:00 in Berlin.
        const hover = async (hour: number) => {
            await page.mouse.move(box.x + (box.width * (hour + 24)) / 42, box.y + box.height / 2);
            return reading(page);
        };
        const voltage = String.raw`\d\d[.,]\d\d\sV`;
        assert.match(await hover(-21.9), new RegExp(`15:05: Hafen ${voltage}( \\(.+\\s–\\s.+\\))?$`, "u"));
        assert.match(await hover(-7), /: .*(ran empty|Akku leer)/u);
        assert.match(await hover(8), new RegExp(`: (Forecast|Prognose) ${voltage}$`, "u"));
        await page.mouse.move(0, 0);
        assert.equal(await reading(page), "");
    },

    async "the keyboard steps through the values, which are those of the server"(page) {
        const description = await page.$eval("#week-description", (element) => element.textContent ?? "");
        const [, last = ""] = /Hafen: .*?(?:last|letzter) ([\d.,]+)/u.exec(description) ?? [];
        await focus(page, "#week svg.plot");
        await page.keyboard.press("End");
        const text = await reading(page, "#week");
        const [, shown = ""] = /: Hafen (\S+)\sV/u.exec(text) ?? [];
        const number = (written: string) => Number(written.replace(",", "."));
        assert(Math.abs(number(shown) - number(last)) < 0.0101, `${text} does not end with ${last}`);
        assert.match(text, /· Rathaus <b>&amp; \d/u);
        await page.keyboard.press("ArrowLeft");
        assert.notEqual(await reading(page, "#week"), text);
        assert.equal(await page.$eval("#week output", (output) => output.ariaLive), "polite");
        await page.keyboard.press("Escape");
        assert.equal(await reading(page, "#week"), "");
    },

    async "what is dragged over becomes the range, and the way back leads back"(page) {
        const plot = await one(page, "#day svg.plot");
        const [from, to] = await plot.evaluate((plot) => ["from", "to"].map((name) => Number((plot as SVGElement).dataset[name])));
        const box = await plot.boundingBox();
        assert(box && from && to);
        await page.mouse.move(box.x + box.width / 4, box.y + 50);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width / 2, box.y + 60, { steps: 4 });
        await page.screenshot({ path: join(folder, "drag.png") });
        await page.mouse.up();
        await page.waitForFunction(() => document.querySelector("#day figcaption")?.textContent?.startsWith("Range"));
        const range = new URLSearchParams(queries.at(-1));
        const near = (text: string | null, wanted: number) => Math.abs(Number(text) - wanted) < (to - from) / 100;
        assert(near(range.get("from"), from + (to - from) / 4) && near(range.get("to"), from + (to - from) / 2), `${range}`);
        assert.equal(new URL(page.url()).search, `?${range}`);
        await page.goBack();
        await page.waitForFunction(() => document.querySelector("#day figcaption")?.textContent?.startsWith("Battery"));
        await focus(page, "#day svg.plot");
        await page.keyboard.press("End");
        assert.notEqual(await reading(page), "", "a chart that was exchanged does not tell its values");
    },

    async "two fingers zoom a chart"(page) {
        const client = await page.createCDPSession();
        const { x, y } = await middle(await one(page, "#day svg.plot"));
        const touch = (type: "touchStart" | "touchMove" | "touchEnd", offsets: number[]) =>
            client.send("Input.dispatchTouchEvent", {
                type,
                touchPoints: offsets.map((offset, id) => ({ x: x + offset, y, id })),
            });
        await touch("touchStart", [-50]);
        await touch("touchStart", [-50, 50]);
        for (const offset of [60, 80, 100]) {
            await touch("touchMove", [-offset, offset]);
        }
        await touch("touchEnd", []);
        await page.waitForFunction(() => document.querySelector("#day figcaption")?.textContent?.startsWith("Range"));
        const range = new URLSearchParams(queries.at(-1));
        const hours = (Number(range.get("to")) - Number(range.get("from"))) / 3600;
        assert(Math.abs(hours - 21) < 1, `42 hours became ${hours}`);
    },

    async "a line grows by what is measured"(page) {
        await waitFor(() => listeners.size > 0);
        assert.deepEqual([...listeners.values()], ["?nodes=Hafen"]);
        const after = (minutes: number) => new Date((1_774_526_400 + minutes * 60) * 1000).toISOString();
        const measure = (minutes: number, batteryVoltage: number, nodeId = "Hafen") => {
            const timestamp = after(minutes);
            const data = JSON.stringify({ nodeId, batteryVoltage, timestamp });
            for (const listener of listeners.keys()) {
                listener.write(`id: run-${minutes}\nevent: measurement\ndata: ${data}\n\n`);
            }
        };
        const seen = (minutes: number) =>
            page.waitForFunction((id) => document.body.dataset["seen"] === id, {}, after(minutes));
        await page.evaluate(() => {
            document.addEventListener("live:measurement", (event) => {
                document.body.dataset["seen"] = (event as CustomEvent).detail.timestamp;
            });
        });
        const path = () => page.$eval("#day .line-1 .line", (path) => path.getAttribute("d"));
        const before = await path();
        measure(2, 13.4, "Rathaus");
        await seen(2);
        await settled(page, "#map");
        assert.equal(await path(), before, "the value of another node was added");
        measure(2, 13.0);
        measure(3, 13.2);
        measure(7, 13.1);
        await seen(7);
        await settled(page, "#map");
        assert.notEqual(await path(), before);
        await focus(page, "#day svg.plot");
        await page.keyboard.press("End");
        assert.match(await reading(page), /13:05: Hafen 13[.,]10\sV/u);
        await page.keyboard.press("ArrowLeft");
        assert.match(await reading(page), /13:00: Hafen 13[.,]10\sV \(13[.,]00\s–\s13[.,]20\)/u);
        // A value beyond the axis has the server draw another one.
        const answer = page.waitForResponse((response) => response.url() === page.url());
        measure(8, 20);
        await answer;
    },

    async "a chart's file is saved as a picture"(page) {
        await page.evaluate(() => {
            const link = document.createElement("a");
            link.setAttribute("data-png", "hafen.png");
            [link.href, link.textContent] = ["/chart.svg", "PNG"];
            document.querySelector("h1")!.append(link);
            // A link that is not in the document is clicked unseen.
            HTMLAnchorElement.prototype.click = function () {
                document.body.dataset["saved"] = `${this.download} ${this.protocol}`;
            };
        });
        await page.click("a[data-png]");
        await page.waitForFunction(() => document.body.dataset["saved"] === "hafen.png blob:");
    },

    async "a map can be moved and zoomed, and forgets nothing until it is asked to show all"(page) {
        const map = await one(page, "#map svg.map");
        const before = await places(page, "#map");
        const { x, y } = await middle(map);
        await page.mouse.move(x, y);
        await page.mouse.down();
        await page.mouse.move(x + 60, y + 30, { steps: 5 });
        await page.mouse.up();
        const moved = await settled(page, "#map");
        for (const [name, place] of before) {
            assert(near(moved.get(name), { x: place.x + 60, y: place.y + 30 }), `${name} has not moved along`);
        }
        await focus(page, "#map svg.map");
        await page.keyboard.press("+");
        const zoomed = await settled(page, "#map");
        const [one_, other] = [...before.keys()];
        assert(one_ && other);
        const apart = (places: Places) => distance(places.get(one_), places.get(other));
        assert(Math.abs(apart(zoomed) / apart(before) - 2) < 0.01, "+ does not double the scale");
        await page.reload();
        assert.deepEqual(await settled(page, "#map"), zoomed);
        await page.click("#map [data-do=all]");
        assert(near((await settled(page, "#map")).get(one_), before.get(one_)), "not all is shown again");
    },

    async "tiles follow the map, and become finer"(page) {
        const tiles = () =>
            page.$$eval("#ground svg.map image", (images) =>
                images.map((image) => {
                    const { x, y, width, height } = image.getBoundingClientRect();
                    const [zoom = 0] = (image.getAttribute("data-tile") ?? "").split(" ").map(Number);
                    return { x, y, right: x + width, bottom: y + height, zoom };
                }),
            );
        const cover = async () => {
            await settled(page, "#ground");
            const box = await (await one(page, "#ground svg.map")).boundingBox();
            const all = await tiles();
            const edge = (name: "x" | "y" | "right" | "bottom") => all.map((tile) => tile[name]);
            assert(box && Math.min(...edge("x")) <= box.x && Math.max(...edge("right")) >= box.x + box.width);
            assert(Math.min(...edge("y")) <= box.y && Math.max(...edge("bottom")) >= box.y + box.height);
            return all[0]?.zoom ?? 0;
        };
        const zoom = await cover();
        await page.click("#ground [data-do=in]");
        await page.click("#ground [data-do=in]");
        assert.equal(await cover(), zoom + 2);
        await focus(page, "#ground svg.map");
        for (const key of ["ArrowLeft", "ArrowLeft", "ArrowUp"] as const) {
            await page.keyboard.press(key);
        }
        await cover();
    },

    async "the wheel zooms around the pointer"(page) {
        const [[name, place] = ["", { x: 0, y: 0 }]] = await places(page, "#map");
        await page.mouse.move(place.x, place.y);
        await page.mouse.wheel({ deltaY: -300 });
        assert(near((await settled(page, "#map")).get(name), place), "the node under the pointer has moved");
    },

    async "two fingers zoom the map"(page) {
        const client = await page.createCDPSession();
        const { x, y } = await middle(await one(page, "#map svg.map"));
        const before = await places(page, "#map");
        const touch = (type: "touchStart" | "touchMove" | "touchEnd", offsets: number[]) =>
            client.send("Input.dispatchTouchEvent", {
                type,
                touchPoints: offsets.map((offset, id) => ({ x: x + offset, y, id })),
            });
        await touch("touchStart", [-30]);
        await touch("touchStart", [-30, 30]);
        for (const offset of [40, 50, 60]) {
            await touch("touchMove", [-offset, offset]);
        }
        await touch("touchEnd", []);
        const after = await settled(page, "#map");
        const [first, second] = [...before.keys()];
        assert(first && second);
        const ratio = distance(after.get(first), after.get(second)) / distance(before.get(first), before.get(second));
        assert(Math.abs(ratio - 2) < 0.1, `the fingers parted to the double, the nodes to ${ratio}`);
    },

    async "nodes that are dense are joined, and part when asked"(page) {
        const counts = () =>
            page.$eval("#dense", (figure) => ({
                clusters: [...figure.querySelectorAll(".cluster text")].map((text) => Number(text.textContent)),
                single: figure.querySelectorAll("svg.map a:not(.away)").length,
                all: figure.querySelectorAll("svg.map a").length,
            }));
        const { clusters, single, all } = await counts();
        assert(clusters.length > 5);
        assert.equal(clusters.reduce((sum, count) => sum + count, single), all, "a node is neither alone nor in a cluster");
        await page.click("#dense .cluster");
        await settled(page, "#dense");
        assert((await counts()).single > single || (await counts()).clusters.length < clusters.length);
        await page.click("#dense [data-do=all]");
        await settled(page, "#dense");
        await focus(page, "#dense .cluster");
        await page.keyboard.press("Enter");
        await settled(page, "#dense");
        assert((await counts()).clusters.length !== clusters.length, "the Enter key opens no cluster");
    },

    async "a filter hides the other nodes"(page) {
        await page.$eval("#map svg.map", (map) => {
            map.dispatchEvent(new CustomEvent("map:filter", { detail: new Set(["Hafen", "Rathaus"]) }));
        });
        assert.deepEqual([...(await settled(page, "#map")).keys()].sort(), ["Hafen", "Rathaus"]);
        await page.$eval("#map svg.map", (map) => map.dispatchEvent(new CustomEvent("map:filter", { detail: null })));
        assert((await settled(page, "#map")).size > 10);
    },

    async "a node tells which ones are nearest"(page) {
        await focus(page, "#map svg.map a");
        const text = await page.$eval("#map output", (output) => output.textContent ?? "");
        assert.match(text, /^.+: \p{L}+.* .+ [\d.,]+\s(m|km), .+ [\d.,]+\s(m|km), .+ [\d.,]+\s(m|km)$/u);
    },
};

// Without its sandbox, which root cannot have: it opens nothing but files that were just made.
const browser = await puppeteer.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
try {
    for (const language of ["en", "de"]) {
        for (const width of WIDTHS) {
            const page = await open(browser, language, width);
            await page.screenshot({ path: join(folder, `${language}-${width}.png`), fullPage: true });
            await page.browserContext().close();
            await waitFor(() => listeners.size === 0);
        }
        for (const [name, check] of Object.entries(checks)) {
            const page = await open(browser, language, WIDTHS[1] ?? 0);
            await check(page);
            await page.browserContext().close();
            await waitFor(() => listeners.size === 0);
            console.log(`${language}: ${name}`);
        }
    }
} finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
}

type Places = Map<string, { x: number; y: number }>;

/** Opens the gallery in a context of its own. Whatever it complains about is a failure. */
async function open(browser: Browser, language: string, width: number): Promise<Page> {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    await page.setViewport({ width, height: 900 });
    page.on("console", (message) => assert(!["error", "warn"].includes(message.type()), message.text()));
    page.on("pageerror", (error) => assert.fail(String(error)));
    await page.goto(`${address}/${language}`);
    await page.waitForSelector("svg.map.moves");
    await drawn(page);
    return page;
}

async function one(page: Page, selector: string): Promise<ElementHandle> {
    const element = await page.$(selector);
    assert(element, `there is no ${selector}`);
    await element.evaluate((element) => element.scrollIntoView({ block: "center" }));
    return element;
}

/** Waits until something holds. */
async function waitFor(holds: () => boolean): Promise<void> {
    while (!holds()) {
        await new Promise((done) => setTimeout(done, 10));
    }
}

/** What a chart tells. */
async function reading(page: Page, figure = "#day"): Promise<string> {
    return page.$eval(`${figure} output.reading`, (output) => output.textContent ?? "");
}

/** Focuses an element of SVG, too. */
async function focus(page: Page, selector: string): Promise<void> {
    await page.$eval(selector, (element) => element instanceof SVGElement && element.focus());
}

async function middle(element: ElementHandle): Promise<{ x: number; y: number }> {
    const box = await element.boundingBox();
    assert(box);
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** The middles of the marks of nodes, in the window. */
async function places(page: Page, figure: string): Promise<Places> {
    await one(page, `${figure} svg.map`);
    return new Map(
        await page.$$eval(`${figure} svg.map a:not(.away)`, (links) =>
            links.map((link) => {
                const box = link.querySelector("use")!.getBoundingClientRect();
                const place = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
                return [link.querySelector("text")!.textContent!, place] as const;
            }),
        ),
    );
}

/** The same once everything has been drawn anew. */
async function settled(page: Page, figure: string): Promise<Places> {
    await drawn(page);
    return places(page, figure);
}

/** Waits until everything that was to be drawn has been. */
async function drawn(page: Page): Promise<void> {
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

function distance(a: { x: number; y: number } | undefined, b: { x: number; y: number } | undefined): number {
    return a && b ? Math.hypot(a.x - b.x, a.y - b.y) : NaN;
}

function near(a: { x: number; y: number } | undefined, b: { x: number; y: number } | undefined): boolean {
    return distance(a, b) < 1.5;
}
