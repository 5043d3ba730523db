// What the page can do without, and does a little better with.
"use strict";

// Progress: the server sends the same fragment it would draw on a reload.
for (const box of document.querySelectorAll("[data-live]")) {
  const title = document.title;
  const feed = new EventSource(box.dataset.live);
  feed.addEventListener("progress", (e) => {
    const now = new DOMParser().parseFromString(e.data, "text/html").body.firstElementChild;
    if (!now) return;
    document.title = now.dataset.title + " – " + title;
    // Only what changed is touched, so that a screen reader is not made to repeat itself.
    if (box.innerHTML !== now.outerHTML) box.replaceChildren(now);
  });
  feed.addEventListener("over", () => { feed.close(); location.reload(); });
}

// Tables: arrow up and down walk between the links of a column.
document.addEventListener("keydown", (e) => {
  if (e.key !== "ArrowDown" && e.key !== "ArrowUp") return;
  const cell = document.activeElement?.closest("table.rows td, table.rows th");
  if (!cell || !document.activeElement.matches("a")) return;
  let row = cell.parentElement;
  do {
    row = e.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling;
    const link = row?.cells[cell.cellIndex]?.querySelector("a") ;
    if (link) { link.focus(); e.preventDefault(); return; }
  } while (row);
});

// A form is sent once.
document.addEventListener("submit", (e) => {
  if (e.target.dataset.sent) { e.preventDefault(); return; }
  if (!("download" in e.target.dataset)) e.target.dataset.sent = "1"; // the page stays where it is
});
addEventListener("pageshow", () => { for (const f of document.forms) delete f.dataset.sent; });
