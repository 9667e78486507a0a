// Sorting and filtering: conveniences over a page that is complete without them.
"use strict";

function key(row, index) {
  const cell = row.cells[index];
  return "sort" in cell.dataset ? Number(cell.dataset.sort) : cell.textContent;
}

// Numbers before texts, and absent values last in either direction.
function compare(index, sign) {
  return (one, other) => {
    const [a, b] = [key(one, index), key(other, index)];
    const absent = (row) => row.cells[index].classList.contains("absent");
    if (absent(one) !== absent(other)) return absent(one) - absent(other);
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b), undefined, { numeric: true });
  };
}

for (const table of document.querySelectorAll("table.results")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, index) => {
    // Not a <button>: Chromium does not repeat a table's head on each printed page when it holds one.
    const button = document.createElement("span");
    button.setAttribute("role", "button");
    button.tabIndex = 0;
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      button.click();
    });
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const body = table.tBodies[0];
      for (const row of body.rows) row.classList.remove("first");
      body.append(...[...body.rows].sort(compare(index, up ? 1 : -1)));
    });
  });
}

// A page of many cases holds what stands behind them packed: a list of texts, each with a hole that it belongs into.
const packed = document.getElementById("packed");
const texts = packed && unpacked(packed.textContent);

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
}

async function fill(details) {
  const found = texts && (await texts);
  const hole = details.querySelector("[data-packed]");
  if (hole) hole.outerHTML = found[hole.dataset.packed];
}

for (const details of document.querySelectorAll("details.case")) {
  details.addEventListener("toggle", () => fill(details));
}

// What a number is made of stands in its case's table of metrics: told where the number is pointed at.
async function told(cell) {
  const metric = cell.closest("table").tHead.rows[0].cells[cell.cellIndex].dataset.metric;
  const link = metric && cell.parentElement.querySelector("a.chip");
  if (!link) return "";
  const details = document.getElementById(link.hash.slice(1));
  await fill(details);
  const table = details.querySelector("table");
  const found = table && [...table.tBodies[0].rows].find((row) => row.cells[0].textContent.split(",")[0] === metric);
  const titles = found && [...table.tHead.rows[0].cells].map((head) => head.textContent);
  const parts = found ? [...found.cells].map((part) => part.textContent.trim()) : [];
  return parts.flatMap((part, at) => (part ? [`${titles[at]}: ${part}`] : [])).join("\n");
}

const section = document.getElementById("results");
section.addEventListener("mouseover", (event) => {
  const cell = event.target.closest("table.results td");
  if (cell && !cell.title) told(cell).then((text) => (cell.title = text));
});
const label = document.createElement("label");
const input = document.createElement("input");
label.className = "filter";
input.type = "search";
input.placeholder = "words, such as bf16 -oom";
label.append("Show rows with", input);
section.querySelector("h2").after(label);
input.addEventListener("input", () => {
  const words = input.value.toLowerCase().split(/\s+/).filter((word) => word && word !== "-");
  for (const table of section.querySelectorAll("table.results")) {
    const about = table.caption.textContent;
    for (const row of table.tBodies[0].rows) {
      const text = `${about} ${[...row.cells].map((cell) => cell.textContent).join(" ")}`.toLowerCase();
      row.hidden = !words.every((word) => (/^-./.test(word) ? !text.includes(word.slice(1)) : text.includes(word)));
    }
  }
});

// A link to a case opens it, also where the browser does not do so by itself.
function open() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const details = target && target.closest("details");
  if (details && !details.open) {
    details.open = true;
    target.scrollIntoView();
  }
}
addEventListener("hashchange", open);
open();
