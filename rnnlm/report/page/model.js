// The network: embedding, layers by the step of their cell, output layer; and what is asked of it.
// Four bytes in five characters, as Python's base64.b85encode, but . , : for < > & (which HTML would write longer).
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%:()*+-;.=,?@^_`{|}~";
const bytesOf = text => {
  const value = new Uint8Array(128), words = new DataView(new ArrayBuffer(text.length / 5 * 4));
  for (let i = 0; i < 85; i++) value[DIGITS.charCodeAt(i)] = i;
  for (let i = 0; i < text.length; i += 5) {
    let word = 0;
    for (let k = i; k < i + 5; k++) word = word * 85 + value[text.charCodeAt(k)];
    words.setUint32(i / 5 * 4, word);
  }
  return words.buffer;
};
// A stored weight; row i of a matrix is scale[i] times whole numbers of 8 or 16 bits.
const weightOf = ({shape, values, scale, numbers, bits}) => {
  if (values !== undefined) {
    const read = Float64Array.from(new Float32Array(bytesOf(values)));
    return shape.length ? read : read[0];
  }
  const whole = new (bits === 8 ? Int8Array : Int16Array)(bytesOf(numbers)), by = new Float32Array(bytesOf(scale));
  const [rows, columns] = shape, data = new Float32Array(rows * columns);
  for (let k = 0; k < data.length; k++) data[k] = whole[k] * by[k / columns | 0];
  return {rows, columns, data};
};
const rowsOf = (weight, first, end) => {
  if (typeof weight === "number") return weight;
  if (!weight.data) return weight.subarray(first, end);
  return {rows: end - first, columns: weight.columns, data: weight.data.subarray(first * weight.columns, end * weight.columns)};
};
const row = ({columns, data}, i) => Float64Array.from(data.subarray(i * columns, (i + 1) * columns));

// Numbers from 0 to below 1: xoshiro128** (Blackman & Vigna 2021), its state from the seed by SplitMix32's steps.
function random(seed) {
  let z = (seed % 2 ** 32) ^ Math.imul(Math.floor(seed / 2 ** 32), 0x85ebca6b);
  const mixed = () => {
    let t = z = (z + 0x9e3779b9) | 0;
    t = Math.imul(t ^ (t >>> 16), 0x21f0aaad);
    t = Math.imul(t ^ (t >>> 15), 0x735a2d97);
    return t ^ (t >>> 15);
  };
  const s = [mixed(), mixed(), mixed(), mixed()], turn = (v, k) => (v << k) | (v >>> (32 - k));
  const next = () => {
    const result = Math.imul(turn(Math.imul(s[1], 5), 7), 9) >>> 0, t = s[1] << 9;
    s[2] ^= s[0]; s[3] ^= s[1]; s[1] ^= s[2]; s[0] ^= s[3]; s[2] ^= t; s[3] = turn(s[3], 11);
    return result;
  };
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}

class Model {
  constructor(told) {
    this.told = told;
    this.text = new Text(told.text);
    this.w = Object.fromEntries(Object.entries(told.weights).map(([name, stored]) => [name, weightOf(stored)]));
    this.layers = told.layers.map((layer, k) => Object.fromEntries(
      layer.blocks.map(([name, letter, first, end]) => [name, rowsOf(this.w[`layers.${k}.${letter}`], first, end)])));
    const {embedding, output, bias} = this.w, [first] = told.cuts;
    const V = output ?? rowsOf(embedding, FIRST, embedding.rows);
    if (told.cuts.length) {
      const bounds = [...told.cuts, told.outputs];
      this.later = told.cuts.map((begin, k) => ({
        begin, bias: bias.subarray(begin, bounds[k + 1]), rows: this.w[`bands.later.${k}.rows`],
        up: this.w[`bands.later.${k}.up`],
      })).map(cluster => ({...cluster, down: cluster.up && transposed(cluster.up)}));
      const G = this.w["bands.G"];
      this.first = {V: {rows: V.rows + G.rows, columns: V.columns, data: joined(V.data, G.data)},
                    c: joined(bias.subarray(0, first), this.w["bands.a"])};
    } else this.first = {V, c: bias};
  }
  // The state before the first token: the parts of each layer.
  start() {
    return this.told.layers.map(({slots}) => slots.map(([, , length]) => new Float64Array(length)));
  }
  // One token: the states after it, h(t) of the last layer, and log p of every next token, from id 2 on.
  read(states, id) {
    const {forced} = this.told;
    let h = this.embedded(id);
    const after = this.layers.map((weights, k) => {
      const {slots} = this.told.layers[k];
      const before = forced ? states[k].map((part, i) => slots[i][0] ? {only: id - FIRST} : part) : states[k];
      const [own, parts] = step(h, before, weights);
      h = own;
      return parts.map((part, i) => part ?? (forced ? states[k][i] : this.fedBack(own)));
    });
    return {states: after, h, logP: this.logP(h)};
  }
  embedded(id) {
    const {embedding} = this.w;
    if (id < embedding.rows) return row(embedding, id);
    const {begin, rows, up} = this.later.findLast(each => each.begin <= id - FIRST);
    const own = row(rows, id - FIRST - begin);
    return up ? product(up, own) : own;
  }
  // o(t), or log p with clusters.
  logits(h) {
    let u = h;
    if (this.w.projection) u = this.told.readOut === "tanh" ? tanh(product(this.w.projection, h)) : product(this.w.projection, h);
    const o = add(product(this.first.V, u), this.first.c);
    if (!this.later) return o;
    const top = logSoftmax(o), [cut] = this.told.cuts;
    return joined(top.subarray(0, cut), ...this.later.map(({rows, down, bias}, k) => {
      const within = logSoftmax(add(product(rows, down ? product(down, u) : u), bias));
      return within.map(v => v + top[cut + k]);
    }));
  }
  logP(h) {
    const o = this.logits(h);
    return this.later ? o : logSoftmax(o);
  }
  fedBack(h) {
    return this.told.feedback === "logits" ? this.logits(h) : exp(this.logP(h));
  }
  // The state after the start of a sequence.
  begun() {
    return this.read(this.start(), START);
  }
  // The state after one more token; the end of a line begins a new sequence where the model was trained on lines.
  after(read, id) {
    return id === END && this.told.context === "sentence" ? this.begun() : this.read(read.states, id);
  }
  // The tokens of a text, {text, id}, ⏎ after each line but the last, which goes on; no empty lines but where the
  // model was trained on them.
  tokens(text) {
    const lines = text.replace(/\r\n?/g, "\n").split("\n"), last = lines.pop(), end = {text: "⏎", id: END};
    const ended = lines.map(line => this.text.read(line)).filter(line => line.length || this.told.blankLines);
    return [...ended.flatMap(line => [...line, end]), ...this.text.read(last, true)];
  }
  // What each token of a text costs: [{token, id, nats}], the end of its last line included.
  score(text) {
    let read = this.begun();
    return this.tokens(text.endsWith("\n") ? text : text + "\n").map(({text: token, id}) => {
      const nats = -read.logP[id - FIRST];
      read = this.after(read, id);
      return {token, id, nats};
    });
  }
  readText(text) {
    return this.tokens(text).reduce((read, {id}) => this.after(read, id), this.begun());
  }
  // The k likeliest tokens after a text: [[token, probability], …].
  next(text, k = 10) {
    return this.likeliest(this.readText(text).logP, k).map(([id, p]) => [this.text.name(id), p]);
  }
  likeliest(logP, k) {
    const best = [];
    for (let i = 0; i < logP.length; i++) {
      if (best.length === k && logP[i] <= best[k - 1][1]) continue;
      let place = best.findIndex(([, v]) => v < logP[i]);
      if (place < 0) place = best.length;
      best.splice(place, 0, [i, logP[i]]);
      if (best.length > k) best.pop();
    }
    return best.map(([i, v]) => [i + FIRST, Math.exp(v)]);
  }
  // A token drawn from log p by `chance`; <unk> never, as in `rnnlm generate`.
  draw(logP, {temperature = 1, topP = 1}, chance) {
    const q = Float64Array.from(logP, (v, i) => i === UNKNOWN - FIRST ? -Infinity : v);
    if (temperature === 0) return q.indexOf(q.reduce((a, b) => Math.max(a, b))) + FIRST;
    const p = exp(logSoftmax(q.map(v => v / temperature)));
    if (topP < 1) {
      const order = Array.from(p.keys()).sort((a, b) => p[b] - p[a]);
      let held = 0;
      for (const [rank, i] of order.entries()) {
        if (rank && held >= topP) p[i] = 0;
        else held += p[i];
      }
    }
    const wanted = chance * p.reduce((a, b) => a + b);
    let reached = 0, last = 0;
    for (let i = 0; i < p.length; i++) {
      if (!p[i]) continue;
      reached += p[i];
      last = i;
      if (reached > wanted) break;
    }
    return last + FIRST;
  }
  // The text after a prompt: at most `tokens` tokens or `lines` lines; the same seed gives the same text.
  generate(prompt, {tokens = 100, lines = 1, seed = 1, ...shape} = {}) {
    const chance = random(seed), ids = [];
    let read = this.readText(prompt);
    for (let left = lines; ids.length < tokens && left > 0;) {
      const id = this.draw(read.logP, shape, chance());
      ids.push(id);
      read = this.after(read, id);
      left -= id === END;
    }
    return this.text.decode(ids);
  }
}
