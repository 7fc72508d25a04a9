// @ts-check
/** Filters the nodes of the overview while somebody types. The server does the same for those without script. */

const form = /** @type {HTMLFormElement} */ (document.querySelector("form.filter"));
const shown = /** @type {HTMLElement} */ (document.getElementById("shown"));
const { q, condition, finding, sort } = /** @type {Record<"q" | "condition" | "finding" | "sort", HTMLInputElement>} */ (
    /** @type {unknown} */ (form.elements)
);

/** The time without another key after which the address says what is shown, milliseconds. */
const PAUSE = 250;

/** The number of rows that are shown again at a time: more than a screen has. The others follow out of sight. */
const BATCH = 100;

/** @typedef {{row: HTMLTableRowElement, name: string, conditions: string[], findings: string[]}} Entry */

/** @type {Entry[]} what the rows are told apart by, read only when they are new */
let entries = [];
let frame = 0;
let pause = 0;

/** Reads the rows, and hides those that are not wanted. */
function read() {
    const rows = /** @type {NodeListOf<HTMLTableRowElement>} */ (document.querySelectorAll("#nodes > tr"));
    entries = Array.from(rows, (row) => ({
        row,
        name: (row.cells[0]?.textContent ?? "").toLowerCase(),
        conditions: (row.dataset["condition"] ?? "").split(" "),
        findings: (row.dataset["finding"] ?? "").split(" "),
    }));
    apply();
}

/** Hides the rows that are not wanted, and shows the others from the top. */
function apply() {
    frame = 0;
    const text = q.value.trim().toLowerCase();
    let count = 0;
    let fresh = 0;
    for (const { row, name, conditions, findings } of entries) {
        const is =
            name.includes(text) &&
            (condition.value === "" || conditions.includes(condition.value)) &&
            (finding.value === "" || findings.includes(finding.value));
        count += Number(is);
        fresh += Number(is && row.hidden);
        if (row.hidden === is && (!is || fresh <= BATCH)) row.hidden = !is;
    }
    if (fresh > BATCH) frame = requestAnimationFrame(apply);
    const { one = "", some = "" } = shown.dataset;
    const words = count === entries.length ? one : some.replace("0", String(count));
    // A screen reader reads whatever is set.
    if (shown.textContent !== words) shown.textContent = words;
}

/** Shows what is wanted with the next picture, however many keys come before it. */
function change() {
    frame ||= requestAnimationFrame(apply);
    // A new address costs as much as a layout.
    clearTimeout(pause);
    pause = setTimeout(remember, PAUSE);
}

/** Keeps the address such that it shows the same to somebody else. */
function remember() {
    const wanted = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
        if (value !== "" && !(name === "sort" && value === "need")) wanted.set(name, String(value));
    }
    for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("a[data-filtered]"))) {
        link.search = String(wanted);
    }
    history.replaceState(null, "", wanted.size > 0 ? `?${wanted}` : location.pathname);
}

form.addEventListener("input", change);
// The server sorts.
sort.addEventListener("change", () => {
    remember();
    location.reload();
});
form.addEventListener("submit", (event) => {
    event.preventDefault();
    change();
});
document.addEventListener("refreshed", read);
read();
