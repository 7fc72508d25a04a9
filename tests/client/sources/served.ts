/**
 * Uses the pages of a server as a person does who signs in, looks, zooms, compares, saves files and signs out. The program
 * `SERVER` is started here, with protected reading and a few nodes whose measurements are known.
 */

import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ElementHandle, Page } from "puppeteer-core";

import { launch, withPage } from "./window.js";

const { SERVER } = process.env;
assert(SERVER, "SERVER is to name the program; run .ci/browser");

const TOKEN = "a-token-of-the-checks";
const PUSH_TOKEN = "a-token-that-pushes";

/** A node whose name would be markup, if it were not written as text. */
const NASTY = '<img src=x onerror="alert(1)">&amp';

/** The measurements of each node, one a minute up to now. */
const MINUTES = 180;

const now = Math.floor(Date.now() / 1000);

/** A running server. */
class Running {
    readonly #process: ChildProcess;
    readonly url: string;

    private constructor(process: ChildProcess, url: string) {
        this.#process = process;
        this.url = url;
    }

    /** Starts the program over the database in a folder, with a token of this name, and a clock that is ahead. */
    static async start(folder: string, tokens: string, listen = "127.0.0.1:0", hoursAhead = 0): Promise<Running> {
        const env = {
            ...(hoursAhead > 0 && ahead(hoursAhead)),
            ISEMS_API_TOKENS: tokens,
            ISEMS_PUSH_TOKENS: `*:${PUSH_TOKEN}`,
            ISEMS_PROTECT_READING: "true",
            DATABASE_URL: join(folder, "isems.redb"),
        };
        const child = spawn(SERVER!, ["--listen", listen], { env, stdio: ["ignore", "ignore", "pipe"] });
        let log = "";
        const url = await new Promise<string>((done, fail) => {
            child.once("exit", () => fail(new Error(`the server has ended: ${log}`)));
            child.stderr.setEncoding("utf8").on("data", (text) => {
                log += text;
                const [, url] = / serving on (http:\/\/[\d.:]+)\/ /u.exec(log) ?? [];
                if (url) {
                    done(url);
                }
            });
        });
        return new Running(child, url);
    }

    async stop(): Promise<void> {
        if (this.#process.exitCode !== null) {
            return;
        }
        const ended = new Promise((done) => this.#process.once("exit", done));
        this.#process.kill("SIGTERM");
        await ended;
    }

    /** Sends lines of a node. */
    async push(node: string, lines: string): Promise<void> {
        const answer = await fetch(`${this.url}/api/v1/nodes/${encodeURIComponent(node)}/measurements`, {
            method: "POST",
            headers: { authorization: `Bearer ${PUSH_TOKEN}`, "content-type": "text/plain" },
            body: lines,
        });
        assert.equal(answer.status, 200, await answer.text());
    }

    async read(path: string): Promise<string> {
        const answer = await fetch(`${this.url}${path}`, { headers: { authorization: `Bearer ${TOKEN}` } });
        assert.equal(answer.status, 200, path);
        return answer.text();
    }
}

/** The environment of a program whose clock is ahead. */
function ahead(hours: number): Record<string, string> {
    const library = execFileSync("faketime", ["-f", `+${hours}h`, "printenv", "LD_PRELOAD"], { encoding: "utf8" });
    return { LD_PRELOAD: library.trim(), FAKETIME: `+${hours}h` };
}

/** A line of a node's log. */
function line(node: string, at: number, volts: number, status = "300"): string {
    const rest = "90;100;28;11.67;14.086;7;20;52.507309;13.458635";
    return `${node};1;${at};ATmega8_A_1;711;0;18.614;18.614;${volts.toFixed(3)};${rest};${status}\n`;
}

/** The voltage that a node reported so many minutes ago. */
const voltage = (minutes: number) => 12.5 + Math.sin(minutes / 20) / 4;

const folder = await mkdtemp(join(tmpdir(), "isems-served-"));
let server = await Running.start(folder, `checks:${TOKEN}`);
const browser = await launch();
try {
    for (const [node, offset] of [["Hafen", 0], ["Rathaus", 0.5], [NASTY, 1]] as const) {
        const minutes = Array.from({ length: MINUTES }, (_, minute) => MINUTES - minute);
        await server.push(node, minutes.map((ago) => line(node, now - ago * 60, voltage(ago) + offset)).join(""));
    }
    for (const check of [
        signInAndOut,
        namesStayText,
        measurementsAreSeenLive,
        findingsAreSeenLive,
        dragZooms,
        savedFilesAreWhatIsShown,
        twoNodesCompare,
        keyboardSuffices,
    ]) {
        await withPage(browser, server.url, check, check === signInAndOut ? /status of 403/u : undefined);
        console.log(`served: ${check.name}`);
    }
    // The link breaks, and is refused.
    await withPage(browser, server.url, removedTokenEndsSession, /ERR_|Failed to load resource/u);
    console.log(`served: ${removedTokenEndsSession.name}`);
    await withPage(browser, server.url, sessionEndsByItsTime, /ERR_|Failed to load resource/u);
    console.log(`served: ${sessionEndsByItsTime.name}`);
} finally {
    await browser.close();
    await server.stop();
    await rm(folder, { recursive: true });
}

async function one(page: Page, selector: string): Promise<ElementHandle> {
    return (await page.waitForSelector(selector)) ?? assert.fail(selector);
}

async function text(page: Page, selector: string): Promise<string> {
    return page.$eval(selector, (element) => element.textContent ?? "");
}

/** Opens a page as somebody who has signed in. */
async function open(page: Page, path: string): Promise<void> {
    await page.setViewport({ width: 1200, height: 900 });
    await page.goto(`${server.url}/sign-in?back=${encodeURIComponent(path)}`);
    await page.type("input[name=token]", TOKEN);
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    assert.equal(page.url(), `${server.url}${path}`);
}

async function signInAndOut(page: Page): Promise<void> {
    await page.goto(`${server.url}/nodes/Hafen`);
    assert.equal(new URL(page.url()).pathname, "/sign-in");
    await page.type("input[name=token]", "a-guess");
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    assert(await page.$("input[name=token]"), "a guess is refused");
    await page.type("input[name=token]", TOKEN);
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    assert.equal(page.url(), `${server.url}/nodes/Hafen`, "whoever signs in comes to where they were going");
    await Promise.all([page.waitForNavigation(), page.click("form[action$='/sign-out'] button")]);
    await page.goto(`${server.url}/nodes/Hafen`);
    assert.equal(new URL(page.url()).pathname, "/sign-in");
}

async function removedTokenEndsSession(page: Page): Promise<void> {
    await open(page, "/nodes/Hafen");
    const { host } = new URL(server.url);
    await server.stop();
    await page.waitForFunction(() => !document.getElementById("offline")?.hidden);
    server = await Running.start(folder, `checks:${TOKEN}`, host);
    await page.waitForFunction(() => document.getElementById("offline")?.hidden);
    await server.stop();
    server = await Running.start(folder, `others:another-${TOKEN}`, host);
    await page.waitForFunction(() => location.pathname === "/sign-in");
}

async function sessionEndsByItsTime(page: Page): Promise<void> {
    const { host } = new URL(server.url);
    // By now the server may have another token, and a clock that is ahead.
    const restart = async (hours: number) => {
        await server.stop();
        server = await Running.start(folder, `checks:${TOKEN}`, host, hours);
    };
    await restart(0);
    await open(page, "/nodes/Hafen");
    await restart(11);
    await page.goto(`${server.url}/nodes/Rathaus`);
    assert.equal(new URL(page.url()).pathname, "/nodes/Rathaus", "it lasts for twelve hours");
    await restart(13);
    await page.goto(`${server.url}/nodes/Rathaus`);
    assert.equal(new URL(page.url()).pathname, "/sign-in");
    await page.type("input[name=token]", TOKEN);
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    assert.equal(page.url(), `${server.url}/nodes/Rathaus`, "whoever signs in again goes on");
}

async function namesStayText(page: Page): Promise<void> {
    await open(page, "/");
    const link = `#nodes a[href*="${encodeURIComponent("<img")}"]`;
    assert.equal(await text(page, link), NASTY);
    for (const path of ["/map", `/nodes/${encodeURIComponent(NASTY)}`, `/nodes/Hafen?compare=node:${encodeURIComponent(NASTY)}`]) {
        await page.goto(`${server.url}${path}`);
        assert((await text(page, "main")).includes(NASTY), path);
        assert.equal(await page.$("img"), null, path);
    }
    await page.goto(`${server.url}/?q=${encodeURIComponent('"><img src=x>')}`);
    assert.equal(await page.$eval("input[name=q]", (input) => (input as HTMLInputElement).value), '"><img src=x>');
    assert.equal(await page.$("img"), null);
}

async function measurementsAreSeenLive(page: Page): Promise<void> {
    await open(page, "/nodes/Hafen");
    const path = "#batteryVoltage .line-1 .line";
    const before = await page.$eval(path, (path) => path.getAttribute("d"));
    await server.push("Hafen", line("Hafen", Math.floor(Date.now() / 1000), 12.345));
    await page.waitForFunction(
        (path, before) => document.querySelector(path)?.getAttribute("d") !== before,
        {},
        path,
        before,
    );
    await page.waitForFunction(() => /12\.3[45]/u.test(document.querySelector("#facts")?.textContent ?? ""));
}

async function findingsAreSeenLive(page: Page): Promise<void> {
    await open(page, "/");
    const needy = async () => page.$$eval("#needy .card h3 a", (links) => links.map((link) => link.textContent));
    assert(!(await needy()).includes("Rathaus"), `${await needy()}`);
    // Its controller does not answer any more.
    await server.push("Rathaus", line("Rathaus", Math.floor(Date.now() / 1000), 0, "302"));
    await page.waitForFunction(() =>
        [...document.querySelectorAll("#needy .card h3 a")].some((link) => link.textContent === "Rathaus"),
    );
}

async function dragZooms(page: Page): Promise<void> {
    await open(page, `/nodes/Hafen?from=${now - MINUTES * 60}&to=${now}`);
    const plot = await one(page, "#batteryVoltage svg.plot.tells");
    await plot.evaluate((plot) => plot.scrollIntoView({ block: "center" }));
    const [from = 0, to = 0] = await plot.evaluate((plot) => ["from", "to"].map((name) => Number((plot as SVGElement).dataset[name])));
    const box = (await plot.boundingBox()) ?? assert.fail();
    await page.mouse.move(box.x + box.width * 0.9, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.95, box.y + 60, { steps: 4 });
    await page.mouse.up();
    const ofOther = "#batteryChargeEstimate svg.plot";
    await page.waitForFunction(
        (plot, from) => Number(document.querySelector<SVGElement>(plot)?.dataset["from"]) > from,
        {},
        ofOther,
        from,
    );
    const range = new URL(page.url()).searchParams;
    const near = (name: string, share: number) => {
        assert(Math.abs(Number(range.get(name)) - (from + share * (to - from))) < (to - from) / 100, `${range}`);
    };
    near("from", 0.9);
    near("to", 0.95);
    assert((await page.$eval("#links a", (link) => (link as HTMLAnchorElement).search)).startsWith(`?${range}`));
    await page.goBack();
    await page.waitForFunction(
        (plot, from) => document.querySelector<SVGElement>(plot)?.dataset["from"] === String(from),
        {},
        ofOther,
        from,
    );
}

/** Follows a link that saves a file, and returns what was saved. */
async function saved(page: Page, selector: string): Promise<{ name: string; content: Buffer }> {
    const folder = await mkdtemp(join(tmpdir(), "isems-saved-"));
    try {
        const client = await page.createCDPSession();
        await client.send("Browser.setDownloadBehavior", {
            behavior: "allow",
            downloadPath: folder,
            eventsEnabled: true,
            browserContextId: page.browserContext().id ?? assert.fail(),
        });
        const finished = new Promise<void>((done) => {
            client.on("Browser.downloadProgress", ({ state }) => state === "completed" && done());
        });
        const link = await one(page, selector);
        await link.evaluate((link) => (link as HTMLElement).click());
        await finished;
        const [name] = await readdir(folder);
        return { name: name!, content: await readFile(join(folder, name!)) };
    } finally {
        await rm(folder, { recursive: true });
    }
}

async function savedFilesAreWhatIsShown(page: Page): Promise<void> {
    // An hour of which every measurement is known.
    const [from, to] = [now - 90 * 60 - 30, now - 30 * 60 - 30];
    await open(page, `/nodes/Hafen?from=${from}&to=${to}`);
    const csv = await saved(page, "#batteryVoltage .downloads a[download='']");
    const lines = csv.content.toString().trim().split(/\r?\n/u);
    assert.equal(lines[0], "timestamp,batteryVoltage");
    const known = Array.from({ length: 60 }, (_, minute) => {
        const ago = 90 - minute;
        return `${new Date((now - ago * 60) * 1000).toISOString().replace(".000", "")},${Number(voltage(ago).toFixed(3))}`;
    });
    assert.deepEqual(lines.slice(1), known);
    const all = await saved(page, "#links a");
    const api = `/api/v1/nodes/Hafen/measurements?from=${from}&to=${to}&format=csv&order=asc`;
    assert.equal(all.content.toString(), await server.read(api));
    const svg = await saved(page, "#batteryVoltage .downloads a[download$='.svg']");
    assert.equal(svg.name, "Hafen-batteryVoltage.svg");
    assert.match(svg.content.toString(), /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[\s\S]*class="line"[\s\S]*<\/svg>\n$/u);
    const png = await saved(page, "#batteryVoltage .downloads a[data-png]");
    assert.equal(png.name, "Hafen-batteryVoltage.png");
    const { size, paper, line } = await page.evaluate(coloursOf, png.content.toString("base64"));
    assert.deepEqual(size, [1920, 640]);
    // At night the plot is shaded, and only what is around it is paper.
    assert(paper > 0.2 && line > 0.0005, `${paper} of it is paper, and ${line} is the line`);
}

/** The size of a PNG, and the shares of it that have the colours of paper and of the first line. */
async function coloursOf(png: string): Promise<{ size: number[]; paper: number; line: number }> {
    const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const context = canvas.getContext("2d")!;
    context.drawImage(picture, 0, 0);
    const { data } = context.getImageData(0, 0, picture.width, picture.height);
    const share = (red: number, green: number, blue: number) => {
        let count = 0;
        for (let at = 0; at < data.length; at += 4) {
            count += Number(data[at] === red && data[at + 1] === green && data[at + 2] === blue && data[at + 3] === 255);
        }
        return count / (data.length / 4);
    };
    return { size: [picture.width, picture.height], paper: share(255, 255, 255), line: share(0x0b, 0x62, 0xa8) };
}

async function twoNodesCompare(page: Page): Promise<void> {
    await open(page, "/nodes/Hafen");
    await page.select("select[name=compare]", "node:Rathaus");
    await Promise.all([page.waitForNavigation(), page.click(".filter button")]);
    assert.equal(new URL(page.url()).searchParams.get("compare"), "node:Rathaus");
    const legend = await page.$$eval("#batteryVoltage .legend li", (items) => items.map((item) => item.textContent));
    assert.deepEqual(legend.slice(0, 2), ["Hafen", "Rathaus"]);
    const labels = await page.$$eval("#batteryVoltage g[data-label]", (lines) =>
        lines.map((line) => (line as SVGElement).dataset["label"]),
    );
    assert.deepEqual(labels.sort(), ["Hafen", "Rathaus"]);
    const csv = await saved(page, "#batteryVoltage .downloads a[download='']");
    assert.match(csv.content.toString(), /^nodeId,timestamp,batteryVoltage\r?\nHafen,[\s\S]*\nRathaus,/u);
}

async function keyboardSuffices(page: Page): Promise<void> {
    await open(page, "/");
    const focused = () =>
        page.evaluate(() => {
            const element = document.activeElement;
            return element?.closest("#nodes")
                ? "row"
                : (element?.getAttribute("name") ?? element?.getAttribute("class") ?? element?.tagName ?? "");
        });
    const tabTo = async (wanted: string) => {
        const passed = [];
        while ((await focused()) !== wanted) {
            assert(passed.length < 60, `the Tab key leads to ${passed}, and not to ${wanted}`);
            await page.keyboard.press("Tab");
            passed.push(await focused());
        }
        return passed;
    };
    assert.equal((await tabTo("skip")).length, 1, "the first step can skip what every page begins with");
    await tabTo("q");
    await page.keyboard.type("hafen");
    await page.waitForFunction(() => document.querySelectorAll("#nodes > tr:not([hidden])").length === 1);
    await tabTo("row");
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    assert.equal(new URL(page.url()).pathname, "/nodes/Hafen");
    await page.waitForSelector("#batteryVoltage svg.plot.tells");
    await tabTo("plot tells");
    await page.keyboard.press("End");
    assert.match(await text(page, "#batteryVoltage output.reading"), /Hafen 12[.,]\d+\sV/u);
}
