/** Tries the charts and maps of the gallery, as a person does, and takes pictures of them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import puppeteer, { type Browser, type ElementHandle, type Page } from "puppeteer-core";

const { CHROMIUM = "/usr/bin/chromium" } = process.env;
const [folder] = process.argv.slice(2);
assert(folder, "an argument is to name the folder with the gallery; run .ci/gallery");

/** The widths of a phone and of a screen. */
const WIDTHS = [360, 1200];

const checks: Record<string, (page: Page) => Promise<void>> = {
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
            await page.close();
        }
        for (const [name, check] of Object.entries(checks)) {
            const page = await open(browser, language, WIDTHS[1] ?? 0);
            await check(page);
            await page.close();
            console.log(`${language}: ${name}`);
        }
    }
} finally {
    await browser.close();
}

type Places = Map<string, { x: number; y: number }>;

/** Opens the gallery in a context of its own. Whatever it complains about is a failure. */
async function open(browser: Browser, language: string, width: number): Promise<Page> {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    await page.setViewport({ width, height: 900 });
    page.on("console", (message) => assert(!["error", "warn"].includes(message.type()), message.text()));
    page.on("pageerror", (error) => assert.fail(String(error)));
    await page.goto(pathToFileURL(join(folder ?? "", `${language}.html`)).href);
    await page.waitForSelector("svg.map.moves");
    return page;
}

async function one(page: Page, selector: string): Promise<ElementHandle> {
    const element = await page.$(selector);
    assert(element, `there is no ${selector}`);
    await element.evaluate((element) => element.scrollIntoView({ block: "center" }));
    return element;
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
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    return places(page, figure);
}

function distance(a: { x: number; y: number } | undefined, b: { x: number; y: number } | undefined): number {
    return a && b ? Math.hypot(a.x - b.x, a.y - b.y) : NaN;
}

function near(a: { x: number; y: number } | undefined, b: { x: number; y: number } | undefined): boolean {
    return distance(a, b) < 1.5;
}
