"use strict";
document.documentElement.classList.add("live");
const percent = p => (100 * p).toFixed(p < 0.0995 ? 1 : 0) + " %";
for (const passage of document.querySelectorAll(".passage")) {
  const tokens = [...passage.querySelectorAll(".t")];
  const details = passage.parentElement.querySelector(".details");
  let unit = "", values = null;
  const show = token => {
    for (const each of passage.querySelectorAll(".here")) each.classList.remove("here");
    token.classList.add("here");
    const d = token.dataset;
    const next = JSON.parse(d.next).map(([text, p]) => `${text} ${percent(p)}`).join(" · ");
    const active = values ? ` ${unit}: ${(values[tokens.indexOf(token)] / 99).toFixed(2)}.` : "";
    details.textContent =
      `“${token.textContent}”: ${d.bits} bits, rank ${Number(d.rank).toLocaleString("en")}, entropy ${d.entropy} bits.${active} Likeliest: ${next}`;
  };
  tokens.forEach((token, i) => {
    token.tabIndex = i ? -1 : 0;
    token.addEventListener("mouseenter", () => show(token));
    token.addEventListener("focus", () => show(token));
    token.addEventListener("click", () => token.focus());
  });
  passage.addEventListener("keydown", event => {
    const step = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10, Home: -tokens.length, End: tokens.length}[event.key];
    const here = tokens.indexOf(document.activeElement);
    if (!step || here < 0) return;
    event.preventDefault();
    const there = tokens[Math.max(0, Math.min(tokens.length - 1, here + step))];
    tokens[here].tabIndex = -1;
    there.tabIndex = 0;
    there.focus();
  });
  const select = passage.parentElement.querySelector(".unit");
  if (select) {
    const units = JSON.parse(select.dataset.units);
    select.addEventListener("change", () => {
      unit = select.value;
      values = unit ? units[unit] : null;
      tokens.forEach((token, i) => {
        token.style.backgroundColor = values ? `rgba(${values[i] < 0 ? "30,110,220" : "220,90,20"},${Math.abs(values[i]) / 120})` : "";
      });
    });
  }
}
for (const input of document.querySelectorAll(".search")) {
  const texts = [...document.getElementById(input.dataset.in).querySelectorAll("svg text")];
  const found = input.closest("p").querySelector(".found");
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    let hits = 0;
    for (const text of texts) {
      const hit = wanted !== "" && text.textContent.trim().toLowerCase().includes(wanted);
      text.classList.toggle("hit", hit);
      hits += hit;
    }
    found.textContent = wanted === "" ? "" : `${hits} found`;
  });
}
