// @ts-check
/** Filters the nodes of the overview while somebody types. The server does the same for those without script. */

const form = /** @type {HTMLFormElement} */ (document.querySelector("form.filter"));
const shown = /** @type {HTMLElement} */ (document.getElementById("shown"));
const { q, condition, finding, sort } = /** @type {Record<"q" | "condition" | "finding" | "sort", HTMLInputElement>} */ (
    /** @type {unknown} */ (form.elements)
);

/** Hides the rows that are not wanted. */
function apply() {
    const text = q.value.trim().toLowerCase();
    const rows = /** @type {HTMLTableRowElement[]} */ ([...document.querySelectorAll("#nodes > tr")]);
    const has = (/** @type {string | undefined} */ words, /** @type {string} */ word) =>
        word === "" || (words ?? "").split(" ").includes(word);
    let count = 0;
    for (const row of rows) {
        const name = row.cells[0]?.textContent ?? "";
        const { condition: conditions, finding: findings } = row.dataset;
        const is =
            name.toLowerCase().includes(text) && has(conditions, condition.value) && has(findings, finding.value);
        if (row.hidden === is) row.hidden = !is;
        count += Number(is);
    }
    const { one, some } = shown.dataset;
    shown.textContent = count === rows.length ? (one ?? "") : (some ?? "").replace("0", String(count));
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

form.addEventListener("input", () => {
    apply();
    remember();
});
// The server sorts.
sort.addEventListener("change", () => location.reload());
form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
    remember();
});
document.addEventListener("refreshed", apply);
apply();
