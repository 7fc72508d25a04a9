// @ts-check
/** Shows overview and map in turn on a wall, page by page, without anybody touching it: `/?kiosk`. */

/** The time for which a part is shown, in milliseconds. */
const PAUSE = 15_000;

/** The share of the window by which the page moves on. */
const STEP = 0.8;

const base = document.body.dataset["base"] ?? "";

async function moveOn() {
    const { scrollHeight, clientHeight } = document.documentElement;
    if (scrollY + clientHeight < scrollHeight - 1) {
        scrollBy({ top: clientHeight * STEP, behavior: "smooth" });
        return;
    }
    const next = `${base}${location.pathname.endsWith("/map") ? "/" : "/map"}?kiosk`;
    // A page that cannot be reached would stay for ever, as it has no script.
    const answer = await fetch(next).catch(() => undefined);
    if (answer?.ok) location.replace(next);
    else scrollTo({ top: 0 });
}

setInterval(moveOn, PAUSE);
