// @ts-check
/** What every page does by itself: it tells the server the viewer's time zone, and stays up to date. */

/** The time between two looks at the server, in milliseconds. */
const INTERVAL = 60_000;

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
        const response = await fetch(location.href);
        if (!response.ok) throw new Error(response.statusText);
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        for (const id of ["offline", "as-of", ...[...document.querySelectorAll("[data-live]")].map(({ id }) => id)]) {
            const [before, after] = [document.getElementById(id), page.getElementById(id)];
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

let last = Date.now();
setInterval(() => {
    if (!document.hidden && Date.now() - last >= INTERVAL - 1000) {
        last = Date.now();
        refresh();
    }
}, INTERVAL);
for (const event of ["online", "visibilitychange"]) {
    (event === "online" ? window : document).addEventListener(event, () => {
        if (!document.hidden && Date.now() - last >= INTERVAL / 6) {
            last = Date.now();
            refresh();
        }
    });
}
