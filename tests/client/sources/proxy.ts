/** Uses the service behind a proxy that shows it under a path prefix: nothing may leave the prefix. */

import assert from "node:assert/strict";

import puppeteer, { type Page } from "puppeteer-core";

const PREFIX = "/mesh";
const NODE = "Elektra-Dach";

const { PROXY_URL, DEMO_TOKEN, CHROMIUM = "/usr/bin/chromium" } = process.env;
assert(PROXY_URL && DEMO_TOKEN, "PROXY_URL and DEMO_TOKEN are to name a proxy and a token; run .ci/proxy");
const base = `${PROXY_URL}${PREFIX}`;

// Without its sandbox, which root cannot have: it opens nothing but the server that was just built.
const browser = await puppeteer.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
try {
    const page = await browser.newPage();
    const complaints = listen(page);
    for (const path of ["/", "/map", "/collector", `/nodes/${NODE}`, "/?kiosk"]) {
        await open(page, path);
        const links = await page.$$eval("a[href], link[href], form[action]", (elements) =>
            elements.map((element) => element.getAttribute("href") ?? element.getAttribute("action") ?? ""),
        );
        const strays = links.filter((link) => !link.startsWith("#") && !link.startsWith(`${PREFIX}/`));
        assert.deepEqual(strays, [], path);
    }
    await followLive(page);
    await chooseGerman(page);
    await signIn(page);
    await tryOperation(page);
    await readPages();
    assert.deepEqual(complaints, []);
} finally {
    await browser.close();
}

/** Everything that a page complains about, and what it loads from outside the prefix. */
function listen(page: Page): string[] {
    const complaints: string[] = [];
    page.on("console", (message) => {
        if (["error", "warn"].includes(message.type())) {
            complaints.push(`${message.type()}: ${message.text()} ${message.location().url ?? ""}`);
        }
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => {
        const url = new URL(request.url());
        if (url.protocol !== "data:" && !request.url().startsWith(`${base}/`)) {
            complaints.push(`loaded from outside the prefix: ${request.url()}`);
        }
    });
    return complaints;
}

async function open(page: Page, path: string): Promise<void> {
    const answer = await page.goto(`${base}${path}`, { waitUntil: "load" });
    // What the browser has already may be unchanged.
    assert([200, 304].includes(answer?.status() ?? 0), `${path}: ${answer?.status()}`);
}

/** Waits for a measurement as it happens, which the proxy must not hold back. */
async function followLive(page: Page): Promise<void> {
    await open(page, `/nodes/${NODE}`);
    const node = await page.evaluate(
        (address) =>
            new Promise<string>((done, fail) => {
                const link = new EventSource(address);
                link.addEventListener("measurement", ({ data }) => done(JSON.parse(data).nodeId));
                setTimeout(() => fail(new Error("no measurement within a minute")), 60_000);
            }),
        `${PREFIX}/api/v1/live`,
    );
    assert(node.length > 0);
}

async function chooseGerman(page: Page): Promise<void> {
    await open(page, "/map");
    await Promise.all([page.waitForNavigation(), page.click("button[name=language][value=de]")]);
    assert.equal(page.url(), `${base}/map`);
    assert.equal(await page.$eval("html", ({ lang }) => lang), "de");
    await open(page, "/");
    assert.equal(await page.$eval("html", ({ lang }) => lang), "de", "the choice holds for all pages");
}

async function signIn(page: Page): Promise<void> {
    await open(page, "/sign-in?back=%2Fcollector");
    await page.type("input[name=token]", DEMO_TOKEN!);
    await Promise.all([page.waitForNavigation(), page.click("form.sign-in button")]);
    assert.equal(page.url(), `${base}/collector`);
    const cookies = await page.browserContext().cookies();
    const paths = cookies.filter(({ name }) => name === "session").map(({ path }) => path);
    assert.deepEqual(paths, [PREFIX]);
    await Promise.all([page.waitForNavigation(), page.click(`form[action="${PREFIX}/collector/poll"] button`)]);
    assert.equal(page.url(), `${base}/collector`, "an action leads back");
    await Promise.all([page.waitForNavigation(), page.click(`form[action="${PREFIX}/sign-out"] button`)]);
    assert.equal(page.url(), `${base}/`);
    assert.equal(await page.$(`form[action="${PREFIX}/sign-out"]`), null);
}

/** Executes an operation in the documentation. */
async function tryOperation(page: Page): Promise<void> {
    await page.goto(`${base}/docs`, { waitUntil: "networkidle0" });
    const block = await page.waitForSelector('.opblock[id$="-latestMeasurements"]');
    await block!.evaluate((element) => element.scrollIntoView());
    await (await block!.waitForSelector(".opblock-summary-control"))!.click();
    await (await block!.waitForSelector(".try-out__btn"))!.click();
    await (await block!.waitForSelector("button.execute"))!.click();
    const status = await block!.waitForSelector(".live-responses-table tbody .response .response-col_status");
    assert.equal((await status!.evaluate((element) => element.textContent ?? "")).trim(), "200");
}

/** Follows what the service says about its own addresses to programs. */
async function readPages(): Promise<void> {
    const document = await (await fetch(`${base}/openapi.json`)).json();
    assert.equal(document.servers[0].url, `${PREFIX}/`);
    const first = await fetch(`${base}/api/v1/nodes?limit=1`);
    const next = /<([^>]+)>; rel="next"/u.exec(first.headers.get("link") ?? "")?.[1] ?? "";
    assert(next.startsWith(`${PREFIX}/api/v1/nodes`), next);
    const second = await fetch(new URL(next, PROXY_URL));
    assert.equal((await second.json()).nodes.length, 1);
}
