// A field above the first table of a page with many rows, such as that of the
// fidelity to the paper: it leaves the rows that have all of its words.
"use strict";

const MANY = 30;

document.addEventListener("DOMContentLoaded", () => {
  const tables = [...document.querySelectorAll(".md-typeset table")];
  const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
  if (rows.length < MANY) return;
  const field = document.createElement("input");
  field.type = "search";
  field.className = "filter";
  field.placeholder = `Filter the ${rows.length} rows of this page`;
  field.setAttribute("aria-label", field.placeholder);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  document.querySelector(".md-typeset h1").after(field);
});
