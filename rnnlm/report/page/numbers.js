// What the step of a cell is written in: numbers, vectors (Float64Array) and matrices ({rows, columns, data}).
const at = (v, i) => typeof v === "number" ? v : v.length === 1 ? v[0] : v[i];
const both = f => (a, b) => {
  if (a.data) return {...a, data: a.data.map((v, i) => f(v, b.data[i]))};
  if (typeof a === "number" && typeof b === "number") return f(a, b);
  const n = Math.max(a.length ?? 1, b.length ?? 1), out = new Float64Array(n);
  for (let i = 0; i < n; i++) out[i] = f(at(a, i), at(b, i));
  return out;
};
const each = f => a => {
  if (a.data) return {...a, data: a.data.map(v => f(v))};
  return typeof a === "number" ? f(a) : a.map(v => f(v));
};
const add = both((a, b) => a + b), sub = both((a, b) => a - b), mul = both((a, b) => a * b), div = both((a, b) => a / b);
const max = both(Math.max), min = both(Math.min), power = both(Math.pow), neg = each(v => -v);
const sigmoid = each(v => 1 / (1 + Math.exp(-v))), tanh = each(Math.tanh), relu = each(v => Math.max(0, v));
const exp = each(Math.exp), log = each(Math.log), sqrt = each(Math.sqrt);
const softplus = each(v => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))));
const norm = v => {
  const mean = v.reduce((a, b) => a + b) / v.length;
  const spread = v.reduce((a, b) => a + (b - mean) ** 2, 0) / v.length;
  return v.map(u => (u - mean) / Math.sqrt(spread + 1e-5));
};
const transposed = ({rows, columns, data}) => {
  const out = new Float64Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j];
  return {rows: columns, columns: rows, data: out};
};
// A vector that is 1 at `only` and 0 elsewhere picks a column; where `only` is negative it is 0 everywhere.
const product = ({rows, columns, data}, v) => {
  const out = new Float64Array(rows);
  if (v.only !== undefined) {
    if (v.only >= 0) for (let i = 0; i < rows; i++) out[i] = data[i * columns + v.only];
    return out;
  }
  const x = v.length === columns ? v : Float64Array.from({length: columns}, (_, j) => at(v, j)), whole = columns & ~3;
  for (let i = 0; i < rows; i++) {
    const row = i * columns;
    let a = 0, b = 0, c = 0, d = 0, j = 0;
    for (; j < whole; j += 4) {
      a += data[row + j] * x[j];
      b += data[row + j + 1] * x[j + 1];
      c += data[row + j + 2] * x[j + 2];
      d += data[row + j + 3] * x[j + 3];
    }
    for (; j < columns; j++) a += data[row + j] * x[j];
    out[i] = a + b + c + d;
  }
  return out;
};
const logSoftmax = o => {
  let most = -Infinity, sum = 0;
  for (const v of o) most = Math.max(most, v);
  for (const v of o) sum += Math.exp(v - most);
  const total = most + Math.log(sum);
  return o.map(v => v - total);
};
const joined = (...parts) => {
  const out = new Float64Array(parts.reduce((n, part) => n + part.length, 0));
  let from = 0;
  for (const part of parts) { out.set(part, from); from += part.length; }
  return out;
};
