/**
 * Follows the server's live events while the page can be seen, and passes them on as events of the document:
 * `live:measurement`, `live:state`, `live:finding` and `live:gap`, each with its data as detail, `live:lost` whenever the
 * link breaks or is tried in vain, and `live:open` when it comes back. If the page names nodes in attributes `data-node`,
 * all events of these are followed, and otherwise states and findings of all nodes: measurements of many would fill a
 * slow link.
 */

/** The time after which a refused link is tried again, milliseconds. A link that breaks is mended by the browser. */
const RETRY = 15_000;

const KINDS = ["measurement", "state", "finding", "gap"];

/** @type {EventSource | undefined} */
let source;
let lastEventId = "";
let isLost = false;

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
    const ofNodes = [...new Set(nodes)].map((node) => ["nodes", node]);
    const ofAll = ["state", "finding"].map((kind) => ["kinds", kind]);
    const query = new URLSearchParams(ofNodes.length > 0 ? ofNodes : ofAll);
    if (lastEventId) {
        query.set("lastEventId", lastEventId);
    }
    const link = new EventSource(`${document.body.dataset["base"] ?? ""}/api/v1/live?${query}`);
    source = link;
    link.addEventListener("open", () => {
        if (isLost) {
            pass("open");
        }
        isLost = false;
    });
    link.addEventListener("error", () => {
        isLost = true;
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
