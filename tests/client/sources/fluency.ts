/**
 * Measures how long people wait for the pages of a server at `PAGE_URL`: after a key in the filter until its rows are seen,
 * and over a slow link with a slow processor until there is something to see, and until it can be used.
 */

import assert from "node:assert/strict";

import type { Page } from "puppeteer-core";

import { launch, withPage } from "./window.js";

const { PAGE_URL, PAGE_NODE } = process.env;
assert(PAGE_URL && PAGE_NODE, "PAGE_URL is to name a server, and PAGE_NODE one of its nodes; run .ci/fluency");

/** The times from the start of a visit, milliseconds. */
type Waited = { painted: number; usable: number };

/** How often the filter is typed into and cleared. */
const ROUNDS = 15;

/** How often a page is opened over the slow link. */
const VISITS = 5;

/** 256 kbit/s in bytes a second, with the latency in milliseconds. */
const SLOW_LINK = { download: 32_000, upload: 32_000, latency: 150 };

/** How many times slower the processor is. */
const SLOWDOWN = 4;

const browser = await launch();
try {
    for (const width of [360, 1440]) {
        const { typed, cleared } = await withPage(browser, PAGE_URL, (page) => filter(page, width));
        console.log(`  filter at ${width} px: key ${summary(typed)}, cleared ${summary(cleared)}`);
    }
    for (const path of ["/", `/nodes/${encodeURIComponent(PAGE_NODE)}`]) {
        const visits: Waited[] = [];
        for (let visit = 0; visit < VISITS; visit++) {
            visits.push(await withPage(browser, PAGE_URL, (page) => visitSlowly(page, path)));
        }
        const times = (name: "painted" | "usable") => summary(visits.map((visit) => visit[name]));
        console.log(`  ${path} over the slow link: painted ${times("painted")}, usable ${times("usable")}`);
    }
} finally {
    await browser.close();
}

/** Types into the filter and clears it, and returns the times from each key until the picture with its rows was made. */
async function filter(page: Page, width: number): Promise<{ typed: number[]; cleared: number[] }> {
    await page.setViewport({ width, height: 800 });
    await page.goto(`${PAGE_URL}/`, { waitUntil: "load" });
    await page.evaluate(() => {
        const input = document.querySelector<HTMLInputElement>("input[name=q]")!;
        let pressed = 0;
        input.addEventListener("keydown", (event) => (pressed = event.timeStamp));
        input.addEventListener("input", () => {
            // This is called right before a picture is made, and the message comes right after.
            requestAnimationFrame(() => {
                const { port1, port2 } = new MessageChannel();
                port1.onmessage = () => (document.body.dataset["seen"] = String(performance.now() - pressed));
                port2.postMessage(undefined);
            });
        });
        input.focus();
    });
    const press = async (key: "1" | "7" | "Backspace") => {
        await page.evaluate(() => delete document.body.dataset["seen"]);
        await page.keyboard.press(key);
        const seen = await page.waitForFunction(() => document.body.dataset["seen"]);
        // Nobody types faster, and what is out of sight follows meanwhile.
        await new Promise((done) => setTimeout(done, 300));
        return Number(await seen.jsonValue());
    };
    const [typed, cleared]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
        typed.push(await press("1"), await press("7"));
        await page.$eval("input[name=q]", (input) => (input as HTMLInputElement).select());
        cleared.push(await press("Backspace"));
    }
    const hidden = await page.$$eval("#nodes > tr[hidden]", (rows) => rows.length);
    assert.equal(hidden, 0, "a cleared filter shows every node");
    return { typed, cleared };
}

/** Opens a page over a slow link, as a browser does that has never been there. */
async function visitSlowly(page: Page, path: string): Promise<Waited> {
    await page.setViewport({ width: 360, height: 800 });
    await page.emulateNetworkConditions(SLOW_LINK);
    await page.emulateCPUThrottling(SLOWDOWN);
    await page.bringToFront();
    await page.goto(`${PAGE_URL}${path}`, { waitUntil: "load" });
    await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
    return await page.evaluate(() => {
        const [paint] = performance.getEntriesByName("first-contentful-paint");
        const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
        // Modules have run before this event.
        const usable = Math.max(navigation!.domContentLoadedEventEnd, paint!.startTime);
        return { painted: paint!.startTime, usable };
    });
}

/** The least, the middle, and the most of some times, milliseconds. */
function summary(times: number[]): string {
    const sorted = [...times].sort((a, b) => a - b);
    return [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map((time) => time!.toFixed(0)).join(" / ") + " ms";
}
