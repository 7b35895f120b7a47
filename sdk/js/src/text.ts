/** Text files: decoding, line positions, snippets. @module */
import type { File } from './package.js';

/** Longest snippet kept as evidence, in bytes of UTF-8. */
const SNIPPET_LIMIT = 240;

const UTF8 = new TextEncoder();

/**
 * Decodes a source file: UTF-8 with or without BOM, UTF-16 with BOM; anything else byte by byte
 * as Latin-1, so that hostile bytes hide nothing.
 */
export function decodeText(given: Uint8Array): string {
  let bytes = given;
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3);
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return decodeUtf16(bytes.subarray(2), true);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return decodeUtf16(bytes.subarray(2), false);
  return decodeUtf8(bytes) ?? latin1(bytes);
}

/** UTF-8 as it stands; `undefined` where it is none. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** UTF-16; a half of a pair that stands alone becomes U+FFFD. */
export function decodeUtf16(bytes: Uint8Array, littleEndian: boolean): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: string[] = [];
  for (let at = 0; at + 1 < bytes.length; at += 8_192) {
    const end = Math.min(at + 8_192, bytes.length - 1);
    const units: number[] = [];
    for (let unit = at; unit < end; unit += 2) units.push(view.getUint16(unit, littleEndian));
    parts.push(String.fromCharCode(...units));
  }
  return parts.join('').replace(/[\uD800-\uDFFF]/gu, '\u{FFFD}');
}

function latin1(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 8_192) {
    parts.push(String.fromCharCode(...bytes.subarray(at, at + 8_192)));
  }
  return parts.join('');
}

/** Whether bytes look like text: no NUL and few control characters in the first 8 KiB. */
export function isProbablyText(bytes: Uint8Array): boolean {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) return true;
  const length = Math.min(bytes.length, 8_192);
  let control = 0;
  // The engine has no compiler: an iterator takes it a hundred times as long as an index.
  for (let at = 0; at < length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === 0) return false;
    if (byte <= 0x08 || (byte >= 0x0e && byte <= 0x1f && byte !== 0x1b) || byte === 0x7f) control += 1;
  }
  return control * 50 <= length;
}

/** At most `limit` bytes of UTF-8, cut at a character boundary. */
export function cut(text: string, limit: number): string {
  // A unit of UTF-16 takes at most three bytes.
  if (text.length * 3 <= limit) return text;
  const { read } = UTF8.encodeInto(text, new Uint8Array(limit));
  return text.slice(0, read);
}

/**
 * Shannon entropy, in bits per byte (0 to 8). Code has 4 to 5, compressed or encrypted data
 * nearly 8.
 */
export function entropy(bytes: Uint8Array): number {
  const counts = new Array<number>(256).fill(0);
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    counts[byte] = (counts[byte] ?? 0) + 1;
  }
  let bits = 0;
  for (const count of counts) {
    if (count > 0) bits -= (count / bytes.length) * Math.log2(count / bytes.length);
  }
  return bits;
}

/**
 * A text with its file and its line starts, to turn offsets into places. Offsets are indices into
 * `text`, as `RegExp` gives them.
 */
export class Source {
  readonly #starts: number[] = [0];

  constructor(
    readonly file: File,
    readonly text: string,
  ) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  /** Line and column, both from 1, of an offset; columns count Unicode scalar values. */
  position(offset: number): [line: number, column: number] {
    const at = this.#clamp(offset);
    const line = this.#line(at);
    const start = this.#starts[line - 1] ?? 0;
    // Counting columns along a line of megabytes for each finding would be quadratic.
    if (at - start > 1_000_000) return [line, at - start + 1];
    // A pair of surrogates is one character.
    const pairs = this.text.slice(start, at).match(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g)?.length ?? 0;
    return [line, at - start - pairs + 1];
  }

  /** `text.slice(start, end)` with the rest of its first line, trimmed and cut to 240 bytes. */
  snippet(start: number, end: number): string {
    const from = this.#clamp(start);
    const lineStart = this.#starts[this.#line(from) - 1] ?? 0;
    const newline = this.text.indexOf('\n', from);
    const to = Math.max(end, newline < 0 ? this.text.length : newline);
    const near = from - lineStart <= SNIPPET_LIMIT / 2;
    // Cutting reads at most 240 characters: a line of megabytes need not be copied.
    const whole = this.text.slice(near ? lineStart : from, Math.min(to, from + 2 * SNIPPET_LIMIT)).trimEnd();
    const kept = cut(whole, SNIPPET_LIMIT);
    return kept.trim() + (kept.length < whole.length ? ' …' : '');
  }

  #clamp(offset: number): number {
    return Math.min(Math.max(offset, 0), this.text.length);
  }

  /** The last line that begins at or before an offset, from 1. */
  #line(offset: number): number {
    let [low, high] = [0, this.#starts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
