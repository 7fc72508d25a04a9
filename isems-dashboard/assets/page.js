// @ts-check
/**
 * What every page does by itself: it tells the server the viewer's time zone, and stays up to date. It looks at the server
 * once a minute, and soon after an event that `live.js` passes on.
 */

/** The longest time between two looks at the server, milliseconds. */
const INTERVAL = 60_000;

/** The shortest time from one look to the next, milliseconds. */
const PAUSE = 4000;

/** A look is followed by a pause that is this many times as long, so that a slow link stays free for others. */
const SHARE = 10;

/** The time after an event in which further ones mostly follow, milliseconds. */
const DELAY = 500;

const { zone: shown, base } = document.body.dataset;
const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
const cookie = `zone=${own}`;

/** The offset of a zone now, as a text. */
function offset(/** @type {string | undefined} */ timeZone) {
    const parts = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" }).formatToParts();
    return parts.find(({ type }) => type === "timeZoneName")?.value;
}

if (!document.cookie.split("; ").includes(cookie)) {
    document.cookie = `${cookie}; Path=${base || "/"}; Max-Age=31536000; SameSite=Strict`;
    // The server's zone is mostly that of the viewer, too.
    if (offset(shown) !== offset(own) && document.cookie.split("; ").includes(cookie)) {
        location.reload();
    }
}

/** Fetches the page again, and replaces what has changed. */
async function refresh() {
    const offline = /** @type {HTMLElement} */ (document.getElementById("offline"));
    try {
        const response = await fetch(location.href, { headers: { accept: "text/html" } });
        if (!response.ok) throw new Error(response.statusText);
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        const style = (/** @type {Document} */ of) => of.querySelector("link[rel=stylesheet]")?.getAttribute("href");
        // The session has ended, or the server has been replaced by one with other looks and scripts.
        if (response.redirected || style(page) !== style(document)) {
            location.reload();
            return;
        }
        for (const id of ["offline", "as-of", ...[...document.querySelectorAll("[data-live]")].map(({ id }) => id)]) {
            const [before, after] = [document.getElementById(id), page.getElementById(id)];
            // What somebody has opened or closed stays so.
            const folds = [...(after?.querySelectorAll("details") ?? [])];
            before?.querySelectorAll("details").forEach(({ open }, place) => folds[place]?.toggleAttribute("open", open));
            if (before && after && !before.isEqualNode(after)) {
                const focused = before.contains(document.activeElement) ? document.activeElement : null;
                before.replaceWith(document.adoptNode(after));
                const href = focused?.getAttribute("href");
                const again = [...after.querySelectorAll("a")].find((link) => link.getAttribute("href") === href);
                again?.focus({ preventScroll: true });
            }
        }
        document.dispatchEvent(new Event("refreshed"));
    } catch {
        offline.hidden = false;
    }
}

let isWanted = false;
let isLooking = false;
/** The time before which there is no other look. */
let rested = 0;

/** Looks at the server soon, but no more often than a slow link bears, and only while somebody sees it. */
async function look() {
    isWanted = true;
    if (isLooking) return;
    isLooking = true;
    while (isWanted && !document.hidden) {
        await new Promise((done) => setTimeout(done, Math.max(DELAY, rested - Date.now())));
        isWanted = false;
        const began = Date.now();
        await refresh();
        rested = Date.now() + Math.max(PAUSE, SHARE * (Date.now() - began));
    }
    isLooking = false;
}

setInterval(look, INTERVAL);
addEventListener("online", look);
for (const event of ["visibilitychange", "live:open", "live:lost", "live:state", "live:finding", "live:measurement"]) {
    document.addEventListener(event, look);
}
