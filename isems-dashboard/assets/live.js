/**
 * Follows the server's live events while the page can be seen, and passes them on as events of the document:
 * `live:measurement`, `live:state`, `live:finding` and `live:gap`, each with its data as detail, and `live:open` and
 * `live:lost` when the link comes and goes. If the page names nodes in attributes `data-node`, only these are followed.
 */

/** The time after which a refused link is tried again, milliseconds. A link that breaks is mended by the browser. */
const RETRY = 15_000;

const KINDS = ["measurement", "state", "finding", "gap"];

/** @type {EventSource | undefined} */
let source;
let lastEventId = "";

/**
 * @param {string} name
 * @param {unknown} [detail]
 */
function pass(name, detail) {
    document.dispatchEvent(new CustomEvent(`live:${name}`, { detail }));
}

function open() {
    if (source || document.hidden) {
        return;
    }
    const nodes = [...document.querySelectorAll("[data-node]")].map((element) => element.getAttribute("data-node") ?? "");
    const query = new URLSearchParams([...new Set(nodes)].map((node) => ["nodes", node]));
    if (lastEventId) {
        query.set("lastEventId", lastEventId);
    }
    const link = new EventSource(`${document.body.dataset["base"] ?? ""}/api/v1/live?${query}`);
    source = link;
    link.addEventListener("open", () => pass("open"));
    link.addEventListener("error", () => {
        pass("lost");
        if (link.readyState === EventSource.CLOSED && source === link) {
            source = undefined;
            setTimeout(open, RETRY);
        }
    });
    for (const kind of KINDS) {
        link.addEventListener(kind, (event) => {
            lastEventId = event.lastEventId;
            pass(kind, JSON.parse(event.data));
        });
    }
}

function close() {
    source?.close();
    source = undefined;
}

// A page that is saved to a file has no server.
if (location.protocol.startsWith("http")) {
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
    // A page that is left open in the history of the browser would keep its link.
    addEventListener("pagehide", close);
    addEventListener("pageshow", open);
    open();
}
