// The model in the page: the surprisal of what is typed, what may come next, and texts that go on from there.
const live = document.getElementById("try"), of = name => live.querySelector(`.${name}`);
const model = new Model(JSON.parse(document.getElementById("model").textContent));
const bits = nats => nats / Math.LN2, LEVELS = JSON.parse(live.dataset.levels);
const typed = of("text"), passage = of("typed"), go = of("go"), rest = () => new Promise(resolve => setTimeout(resolve));
const element = (name, text, more = {}) => Object.assign(document.createElement(name), {textContent: text}, more);
for (let k = 0; k < model.told.hidden; k++) of("unit").append(element("option", `unit ${k}`));
let steps = [], turn = 0, writing = false;  // steps: each token of the text, what it cost, and the state after it

const refresh = watch(passage, unit => {
  const k = Number(unit.replace(/\D/g, "")), largest = ({h}) => h.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const most = Math.max(1, ...steps.map(largest));
  return steps.map(({h}) => Math.round(99 * h[k] / most));
});
// What a token costs before it is read.
function cost({logP}, {text, id}) {
  const own = logP[id - FIRST], likeliest = model.likeliest(logP, 5).map(([other, p]) => [model.text.name(other), p]);
  let rank = 1, entropy = 0;
  for (const v of logP) {
    rank += v > own;
    if (v > -Infinity) entropy -= bits(v) * Math.exp(v);
  }
  return {text, id, nats: -own, rank, entropy, likeliest};
}
function shown({text, id, nats, rank, entropy, likeliest}) {
  const level = LEVELS.filter(bound => bits(nats) >= bound).length;
  const token = element("span", "", {className: `t l${level}${id === UNKNOWN ? " unknown" : ""}`});
  token.append(element("bdi", text));
  const next = JSON.stringify(likeliest);
  Object.assign(token.dataset, {bits: bits(nats).toFixed(2), rank, entropy: entropy.toFixed(2), next});
  return [token, id === END ? "\n" : model.text.words ? " " : ""];
}
function choice([id, p]) {
  const add = element("button", model.text.name(id), {type: "button", disabled: id === UNKNOWN});
  add.addEventListener("click", () => { writing = false; write(typed.value, [id]); });
  const line = element("tr", ""), head = element("th", "", {scope: "row"});
  head.append(add);
  line.append(head, element("td", percent(p)), element("td", bits(-Math.log(p)).toFixed(2)));
  return line;
}
// Reads what has changed of the text, pausing for the screen; a later call ends an earlier one.
async function update() {
  const mine = ++turn, tokens = model.tokens(typed.value);
  let same = 0, since = performance.now();
  while (same < Math.min(steps.length, tokens.length) && steps[same].id === tokens[same].id) same++;
  steps = steps.slice(0, same).map((step, k) => ({...step, text: tokens[k].text}));
  const last = steps[same - 1];
  let read = last ? {...last, logP: model.logP(last.h)} : model.begun();
  for (const token of tokens.slice(same)) {
    const {states, h, logP} = model.after(read, token.id);
    steps.push({...cost(read, token), states, h});
    read = {states, h, logP};
    if (performance.now() - since > 15) {
      await rest();
      if (mine !== turn) return;
      since = performance.now();
    }
  }
  passage.replaceChildren(...steps.flatMap(shown));
  refresh();
  const n = steps.length, mean = steps.reduce((sum, {nats}) => sum + nats, 0) / n;
  const unknown = steps.filter(({id}) => id === UNKNOWN).length;
  of("total").textContent = !n ? "nothing typed yet"
    : `${n} token${n === 1 ? "" : "s"}, ${bits(mean).toFixed(2)} bits per token, perplexity ${Math.exp(mean).toFixed(1)}`
      + (unknown ? `; ${unknown} unknown to the model` : "");
  of("next").replaceChildren(...model.likeliest(read.logP, 10).map(choice));
}
function write(before, ids) {
  const piece = model.text.decode(ids);
  const apart = model.text.words && before && !/\s$/.test(before) && !piece.startsWith("\n");
  if (piece.endsWith("\ufffd")) return rest();  // some of a character's bytes are to come
  typed.value = before + (apart ? " " : "") + piece;
  return update();
}
typed.addEventListener("input", () => { writing = false; update(); });
of("settings").addEventListener("submit", async event => {
  event.preventDefault();
  if (writing) { writing = false; return; }
  const number = name => Number(of(name).value), before = typed.value, ids = [];
  const shape = {temperature: number("temperature"), topP: number("top-p")}, chance = random(number("seed"));
  writing = true;
  go.textContent = "Stop";
  let read = model.readText(before), since = performance.now();
  for (let k = number("tokens"); k > 0 && writing; k--) {
    ids.push(model.draw(read.logP, shape, chance()));
    read = model.after(read, ids[ids.length - 1]);
    if (k > 1 && performance.now() - since < 60) continue;
    await write(before, ids);
    await rest();
    since = performance.now();
  }
  writing = false;
  go.textContent = "Continue";
});
update();
