"use strict";

// Sorts a table by the column of the button that was pressed; pressed again,
// the other way round. Rows without a value come last both ways.
const collator = new Intl.Collator("en", { numeric: true });

function sort(table, heading) {
  const column = heading.cellIndex;
  const isUp = heading.getAttribute("aria-sort") !== "ascending";
  const isNumber = heading.classList.contains("number");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => {
    const cell = row.cells[column];
    const text = isNumber ? cell.dataset.value : cell.textContent;
    return { row, value: isNumber && text ? Number(text) : text };
  });
  rows.sort((one, other) => {
    if (one.value === "" || other.value === "") {
      return (one.value === "") - (other.value === "");
    }
    const order = isNumber
      ? one.value - other.value
      : collator.compare(one.value, other.value);
    return isUp ? order : -order;
  });
  body.append(...rows.map(({ row }) => row));
  for (const cell of table.tHead.rows[0].cells) {
    cell.setAttribute("aria-sort", "none");
  }
  heading.setAttribute("aria-sort", isUp ? "ascending" : "descending");
}

// Shows the rows that contain every word.
function filter(table, text, count) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let numShown = 0;
  for (const row of table.tBodies[0].rows) {
    const content = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => content.includes(word));
    numShown += !row.hidden;
  }
  count.value = `${numShown} of ${table.tBodies[0].rows.length} runs`;
}

const table = document.querySelector("table.sortable");
if (table) {
  for (const heading of table.tHead.rows[0].cells) {
    const button = heading.querySelector("button");
    button.addEventListener("click", () => sort(table, heading));
  }
  const input = document.getElementById("filter");
  const count = document.getElementById("count");
  input.addEventListener("input", () => filter(table, input.value, count));
}

// On paper nothing can be opened.
const details = document.querySelectorAll("details");
window.addEventListener("beforeprint", () => {
  for (const element of details) {
    element.dataset.isOpen = element.open;
    element.open = true;
  }
});
window.addEventListener("afterprint", () => {
  for (const element of details) {
    element.open = element.dataset.isOpen === "true";
  }
});
