/** Windows of a browser, in which nothing may be complained about or loaded from elsewhere. */

import assert from "node:assert/strict";

import puppeteer, { type Browser, type Page } from "puppeteer-core";

/** Starts Debian's Chromium, without its sandbox, which root cannot have: it opens nothing but what was just built. */
export function launch(): Promise<Browser> {
    return puppeteer.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
}

/**
 * Runs a check in a window of its own, and fails if its page complains or loads something from another origin. Complaints
 * that a check provokes are named by a pattern.
 */
export async function withPage<T>(
    browser: Browser,
    origin: string,
    check: (page: Page) => Promise<T>,
    provoked?: RegExp,
): Promise<T> {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    const complaints: string[] = [];
    const complain = (text: string) => provoked?.test(text) || complaints.push(text);
    page.on("console", (message) => {
        if (["error", "warn"].includes(message.type())) {
            complain(`${message.type()}: ${message.text()} ${message.location().url ?? ""}`);
        }
    });
    page.on("pageerror", (error) => complain(String(error)));
    page.on("request", (request) => {
        const { origin: asked, protocol } = new URL(request.url());
        if (asked !== origin && protocol !== "data:" && protocol !== "blob:") {
            complain(`loaded from elsewhere: ${request.url()}`);
        }
    });
    try {
        const result = await check(page);
        assert.deepEqual(complaints, [], page.url());
        return result;
    } finally {
        await context.close();
    }
}
