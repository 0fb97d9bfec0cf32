document.documentElement.classList.add("live");
const percent = p => p < 0.0005 ? "< 0.1 %" : (100 * p).toFixed(p < 0.0995 ? 1 : 0) + " %";
// A passage that tells of its tokens, by pointer and by keyboard; `activations` gives one unit's at each token, or null.
function watch(passage, activations) {
  const tokens = () => [...passage.querySelectorAll(".t")];
  const details = passage.parentElement.querySelector(".details"), select = passage.parentElement.querySelector(".unit");
  let values = null;
  const show = token => {
    for (const each of passage.querySelectorAll(".here")) each.classList.remove("here");
    token.classList.add("here");
    const d = token.dataset;
    const next = JSON.parse(d.next).map(([text, p]) => `${text} ${percent(p)}`).join(" · ");
    const active = values ? ` ${select.value}: ${(values[tokens().indexOf(token)] / 99).toFixed(2)}.` : "";
    details.textContent =
      `“${token.textContent}”: ${d.bits} bits, rank ${Number(d.rank).toLocaleString("en")}, entropy ${d.entropy} bits.${active} Likeliest: ${next}`;
  };
  const told = event => event.target.closest(".t");
  passage.addEventListener("mouseover", event => told(event) && show(told(event)));
  passage.addEventListener("focusin", event => told(event) && show(told(event)));
  passage.addEventListener("click", event => told(event)?.focus());
  passage.addEventListener("keydown", event => {
    const all = tokens(), here = all.indexOf(document.activeElement);
    const step = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10, Home: -all.length, End: all.length}[event.key];
    if (!step || here < 0) return;
    event.preventDefault();
    const there = all[Math.max(0, Math.min(all.length - 1, here + step))];
    all[here].tabIndex = -1;
    there.tabIndex = 0;
    there.focus();
  });
  // After its tokens or the unit have changed.
  const refresh = () => {
    values = select && select.value ? activations(select.value) : null;
    tokens().forEach((token, i) => {
      if (!passage.contains(document.activeElement)) token.tabIndex = i ? -1 : 0;
      token.style.backgroundColor = values ? `rgba(${values[i] < 0 ? "30,110,220" : "220,90,20"},${Math.abs(values[i]) / 120})` : "";
    });
  };
  select?.addEventListener("change", refresh);
  refresh();
  return refresh;
}
for (const passage of document.querySelectorAll(".passage:not(.typed)")) {
  const units = JSON.parse(passage.dataset.units);
  watch(passage, unit => units[unit]);
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
