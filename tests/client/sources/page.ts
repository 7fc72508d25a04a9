/**
 * Looks at every page that links lead to, as people with a phone and with a screen do, in each language and colour
 * scheme: nothing may be cut off, hidden from a screen reader, loaded from elsewhere, or need a script to be read.
 */

import assert from "node:assert/strict";
import { join } from "node:path";

import axe from "axe-core";
import type { Page } from "puppeteer-core";

import { launch, withPage } from "./window.js";

const LANGUAGES = ["en", "de"];
const THEMES = ["light", "dark"];
const WIDTHS = [360, 1440];

/** The width of a screen of 1280 pixels at 200 %. */
const ENLARGED = 640;

/** A node of every demo. */
const NODE = "Elektra-Dach";

const { DEMO_URL } = process.env;
const [screenshots] = process.argv.slice(2);
assert(DEMO_URL && screenshots, "DEMO_URL is to name a demo server, and an argument a folder; run .ci/browser");

// Nodes are assessed some seconds after the start, and pages look as they mostly do from then on.
const count = async (path: string, of: (answer: any) => number) => of(await (await fetch(`${DEMO_URL}${path}`)).json());
const nodes = await count("/api/v1/network", ({ nodes }) => nodes.total);
for (let tries = 0; (await count("/api/v1/insight", ({ nodes }) => nodes.length)) < nodes; tries++) {
    assert(tries < 240, `not all of ${nodes} nodes are assessed after two minutes`);
    await new Promise((done) => setTimeout(done, 500));
}

const browser = await launch();
try {
    const paths = await withPage(browser, DEMO_URL, discover);
    console.log(`pages: ${paths.join(" ")}`);
    for (const path of paths) {
        for (const language of LANGUAGES) {
            for (const theme of THEMES) {
                for (const width of WIDTHS) {
                    await withPage(browser, DEMO_URL, (page) => look(page, path, language, theme, width));
                }
            }
        }
    }
    for (const path of paths) {
        await withPage(browser, DEMO_URL, (page) => fitsEnlarged(page, path));
    }
    await withPage(browser, DEMO_URL, readWithoutScript);
    await withPage(browser, DEMO_URL, filterWhileTyping);
    await withPage(browser, DEMO_URL, switchLanguageAndColours);
} finally {
    await browser.close();
}

/** Follows links from the first page, and returns one path of each kind of page. */
async function discover(page: Page): Promise<string[]> {
    // That of one node stands for all.
    const kind = (path: string) => path.replace(/^\/nodes\/[^/]+/u, "/nodes/*");
    const found = new Map([["/", "/"]]);
    for (const path of found.values()) {
        await open(page, path);
        const links = await page.$$eval("a[href]", (links) =>
            links
                .filter((link) => !link.hasAttribute("download"))
                // In a drawing, the property of this name is no text.
                .map((link) => new URL(link.getAttribute("href")!, location.href))
                .filter(({ origin }) => origin === location.origin)
                .map(({ pathname }) => pathname),
        );
        for (const path of links) {
            if (!/^\/(docs|api|assets|measurements|openapi)\b|\.(svg|csv)$/u.test(path) && !found.has(kind(path))) {
                found.set(kind(path), path);
            }
        }
    }
    return [...found.values()];
}

async function open(page: Page, path: string): Promise<void> {
    const answer = await page.goto(`${DEMO_URL}${path}`, { waitUntil: "load" });
    assert.equal(answer?.status(), 200, path);
    assert.match(answer.headers()["content-type"] ?? "", /^text\/html/u, path);
}

async function look(page: Page, path: string, language: string, theme: string, width: number): Promise<void> {
    const name = `${path.replaceAll(/[^A-Za-z]+/gu, "-").replaceAll(/^-|-$/gu, "") || "overview"}-${language}-${theme}-${width}`;
    await page.setViewport({ width, height: 800 });
    await page.browserContext().setCookie(
        { name: "language", value: language, domain: new URL(DEMO_URL!).hostname },
        { name: "theme", value: theme, domain: new URL(DEMO_URL!).hostname },
    );
    await open(page, path);
    const lang = await page.$eval("html", ({ lang }) => lang);
    assert.equal(lang, language, name);
    await page.screenshot({ path: join(screenshots!, `${name}.png`), fullPage: true });
    await fits(page, name);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
    const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    const told = serious.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).slice(0, 3).join(" ")}`);
    assert.deepEqual(told, [], name);
}

async function fits(page: Page, name: string): Promise<void> {
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert(content! <= window!, `${name}: the page is ${content} wide in a window of ${window}`);
}

async function fitsEnlarged(page: Page, path: string): Promise<void> {
    await page.setViewport({ width: ENLARGED, height: 400, deviceScaleFactor: 2 });
    await open(page, path);
    await fits(page, `${path} at 200 %`);
}

async function readWithoutScript(page: Page): Promise<void> {
    await page.setJavaScriptEnabled(false);
    await open(page, "/");
    const text = async () => page.$eval("main", (main) => main.textContent ?? "");
    assert.match(await text(), new RegExp(NODE, "u"));
    await open(page, "/?q=no-such-node");
    const rows = await page.$$eval("#nodes > tr", (rows) => rows.filter((row) => !(row as HTMLElement).hidden).length);
    assert.equal(rows, 0, "the server filters for those without script");
}

async function filterWhileTyping(page: Page): Promise<void> {
    await open(page, "/");
    const shown = () =>
        page.$$eval("#nodes > tr", (rows) => rows.filter((row) => !(row as HTMLElement).hidden).map((row) => row.textContent ?? ""));
    assert((await shown()).length > 1);
    await page.type("input[name=q]", NODE.slice(0, 7).toLowerCase());
    await page.waitForFunction(() => [...document.querySelectorAll<HTMLElement>("#nodes > tr")].some((row) => row.hidden));
    assert((await shown()).every((row) => row.includes(NODE.slice(0, 7))));
    // The address shows the same to others.
    await page.waitForFunction((wanted) => location.search === wanted, {}, `?q=${NODE.slice(0, 7).toLowerCase()}`);
}

async function switchLanguageAndColours(page: Page): Promise<void> {
    await page.setExtraHTTPHeaders({ "accept-language": "de-AT,de;q=0.9,en;q=0.5" });
    await open(page, "/");
    assert.equal(await page.$eval("html", ({ lang }) => lang), "de", "the browser's language");
    await Promise.all([page.waitForNavigation(), page.click("button[name=language][value=en]")]);
    assert.equal(await page.$eval("html", ({ lang }) => lang), "en", "the viewer's own choice");
    await Promise.all([page.waitForNavigation(), page.click("button[name=theme][value=dark]")]);
    assert.equal(await page.$eval("html", ({ dataset }) => dataset["theme"]), "dark");
}
