// Text to ids and back, by the rules of the model's tokenizer.json.
const FIRST = 2, START = 1, END = 2, UNKNOWN = 3;
const CLEANING = {
  nfc: text => text.normalize("NFC"), nfd: text => text.normalize("NFD"), nfkc: text => text.normalize("NFKC"),
  accents: text => text.replace(/\p{M}/gv, ""),
  lower: text => Array.from(text, c => c.toLowerCase()).join(""),  // one by one: Σ has one lower case
  strip: text => text.replace(/^\p{White_Space}+|\p{White_Space}+$/gv, ""),
};
class Text {
  constructor({kind, clean, split, tokens, bytes}) {
    this.kind = kind;
    this.tokens = tokens;
    this.ids = new Map(tokens.map((token, id) => [token, id]));
    this.bytes = bytes && Array.from(bytes);  // the character that stands for each byte
    this.steps = clean.map(([name, pattern, by]) =>
      name === "replace" ? (find => text => text.replace(find, () => by))(new RegExp(pattern, "gv")) : CLEANING[name]);
    this.split = split && new RegExp(split, "gv");
    this.words = kind === "word" || kind === "whitespace";
  }
  clean(line) {
    return this.steps.reduce((text, step) => step(text), line);
  }
  // The tokens of a line: their text as cleaned, and their ids. A line that goes on keeps the space at its end.
  read(line, goesOn = false) {
    let cleaned = this.clean(line);
    if (goesOn && !this.words && /\S\s+$/.test(line) && /\S$/.test(cleaned)) cleaned += " ";
    const id = piece => this.ids.get(piece) ?? UNKNOWN;
    if (this.kind === "byte") {
      return Array.from(new TextEncoder().encode(cleaned), byte => this.bytes[byte])
        .map(character => ({text: this.shown(character), id: id(character)}));
    }
    const pieces = this.kind === "word" ? cleaned.match(this.split) ?? []
      : this.kind === "whitespace" ? cleaned.split(" ").filter(Boolean) : Array.from(cleaned);
    return pieces.map(piece => ({text: piece, id: id(piece)}));
  }
  // A token as tables show it: with ▁ for a space.
  shown(token) {
    return this.kind === "byte" ? token.replace("Ġ", "▁") : token === " " ? "▁" : token;
  }
  name(id) {
    return id === END ? "⏎" : this.shown(this.tokens[id]);
  }
  decode(ids) {
    return ids.reduce((lines, id) => {
      if (id === END) lines.push([]);
      else if (id !== START) lines[lines.length - 1].push(id);
      return lines;
    }, [[]]).map(line => this.line(line.map(id => this.tokens[id]))).join("\n");
  }
  line(tokens) {
    if (this.kind !== "byte") return tokens.join(this.words ? " " : "");
    const byte = new Map(this.bytes.map((character, number) => [character, number]));
    return new TextDecoder().decode(Uint8Array.from(tokens, token => byte.get(token)));
  }
}
