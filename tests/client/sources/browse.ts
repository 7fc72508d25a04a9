/** Tries operations in the documentation page, as a person does: expands them, presses "Try it out" and "Execute". */

import assert from "node:assert/strict";
import { join } from "node:path";

import puppeteer, { type Page } from "puppeteer-core";

/** Operations by their ids, each with what its answer has to contain. All are required. */
const operations: Record<string, (answer: any) => void> = {
    latestMeasurements({ measurements }) {
        const node = measurements.find(({ nodeId }: { nodeId: string }) => nodeId === "Elektra-Dach");
        assert(node.batteryVoltage > 9 && node.batteryVoltage < 16);
    },
    seriesOfNode({ nodeId, timestamps, fields }) {
        assert.equal(nodeId, "Elektra-Dach");
        const { field, average } = fields[0];
        assert.equal(field, "batteryVoltage");
        assert(average.length === timestamps.length && average.some((volts: number | null) => volts !== null && volts > 9));
    },
};

const { DEMO_URL, CHROMIUM = "/usr/bin/chromium" } = process.env;
const [screenshots] = process.argv.slice(2);
assert(DEMO_URL && screenshots, "DEMO_URL is to name a demo server, and an argument a folder; run .ci/browser");

// Without its sandbox, which root cannot have: it opens nothing but the server that was just built.
const browser = await puppeteer.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
try {
    const page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 1600 });
    const complaints = listen(page);
    await page.goto(`${DEMO_URL}/docs`, { waitUntil: "networkidle0" });
    await page.screenshot({ path: join(screenshots, "docs.png") });
    for (const [operation, check] of Object.entries(operations)) {
        const { status, text } = await execute(page, operation);
        await page.screenshot({ path: join(screenshots, `${operation}.png`) });
        assert.equal(status, "200", `${operation}: ${text}`);
        check(JSON.parse(text));
        console.log(`the page shows ${text.length} characters for ${operation}`);
    }
    assert.deepEqual(complaints, []);
} finally {
    await browser.close();
}

/** Everything that a page complains about, a violation of its policy too, and what it loads from elsewhere. */
function listen(page: Page): string[] {
    const complaints: string[] = [];
    page.on("console", (message) => {
        if (["error", "warn"].includes(message.type())) {
            complaints.push(`${message.type()}: ${message.text()} ${message.location().url ?? ""}`);
        }
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("requestfailed", (request) => complaints.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
    page.on("request", (request) => {
        const { origin, protocol } = new URL(request.url());
        if (origin !== DEMO_URL && protocol !== "data:") {
            complaints.push(`loaded from elsewhere: ${request.url()}`);
        }
    });
    return complaints;
}

/** Executes an operation in the page, and reads the answer that it shows. */
async function execute(page: Page, operation: string): Promise<{ status: string; text: string }> {
    const block = await page.waitForSelector(`.opblock[id$="-${operation}"]`);
    assert(block);
    await block.evaluate((element) => element.scrollIntoView());
    await (await block.waitForSelector(".opblock-summary-control"))!.click();
    await (await block.waitForSelector(".try-out__btn"))!.click();
    await (await block.waitForSelector("button.execute"))!.click();
    const answer = await block.waitForSelector(".live-responses-table tbody .response");
    const code = await answer!.waitForSelector(".response-col_description pre");
    const read = (element: Element) => element.textContent ?? "";
    const status = await answer!.$eval(".response-col_status", read);
    await answer!.evaluate((element) => element.scrollIntoView({ block: "end" }));
    return { status: status.trim(), text: await code!.evaluate(read) };
}
