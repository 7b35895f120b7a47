/** Bounded decoding of encoded payloads, layer by layer. @module */
import { Gunzip, Inflate, Unzlib } from 'fflate';

import type { DecodedLayer } from './contract.js';
import { decodeText, decodeUtf16, decodeUtf8, isProbablyText } from './text.js';

/**
 * Largest output of one decoding, in bytes. Payloads in packages are scripts or small
 * executables; a bomb must not fill the sandbox.
 */
export const OUTPUT_LIMIT = 8 << 20;

/** How much a decompressor gets at once: what comes out of it before damage is kept. */
const PIECE = 4_096;

/** Base64, standard or URL-safe, padded or not, white space ignored (RFC 4648). */
export function base64(text: string): Uint8Array | undefined {
  const compact = text.replace(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/');
  if (compact.length > OUTPUT_LIMIT || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) return undefined;
  const digits = compact.replace(/=+$/, '');
  if (digits.length % 4 === 1) return undefined;
  const binary = atob(digits + '='.repeat((4 - (digits.length % 4)) % 4));
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** Hexadecimal digits, white space ignored. */
export function hex(text: string): Uint8Array | undefined {
  const compact = text.replace(/\s+/g, '');
  if (compact.length === 0 || compact.length > OUTPUT_LIMIT) return undefined;
  if (compact.length % 2 !== 0 || !/^[0-9A-Fa-f]*$/.test(compact)) return undefined;
  const bytes = new Uint8Array(compact.length / 2);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = parseInt(compact.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}

/**
 * A zlib, gzip or raw deflate stream, told by its header; at most {@link OUTPUT_LIMIT} bytes come
 * out, and what precedes damage is kept.
 */
export function inflate(bytes: Uint8Array): Uint8Array | undefined {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const stream = decompressor(bytes);
  stream.ondata = (piece) => {
    pieces.push(piece.slice(0, OUTPUT_LIMIT - size));
    size += pieces.at(-1)?.length ?? 0;
  };
  try {
    for (let at = 0; at < bytes.length && size < OUTPUT_LIMIT; at += PIECE) {
      stream.push(bytes.subarray(at, at + PIECE), at + PIECE >= bytes.length);
    }
  } catch {
    // What came out before the damage is evidence too.
  }
  if (size === 0) return undefined;
  const out = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

function decompressor(bytes: Uint8Array): Gunzip | Unzlib | Inflate {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return new Gunzip();
  return isZlib(bytes) ? new Unzlib() : new Inflate();
}

function isZlib(bytes: Uint8Array): boolean {
  return bytes[0] === 0x78 && [0x01, 0x5e, 0x9c, 0xda].includes(bytes[1] ?? 0);
}

/** Percent-encoding (RFC 3986); bytes that are not encoded stay. */
export function percent(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  let length = 0;
  for (let at = 0; at < bytes.length; length += 1) {
    const escape = bytes[at] === 0x25 ? digit(bytes[at + 1]) * 16 + digit(bytes[at + 2]) : Number.NaN;
    bytes[length] = Number.isNaN(escape) ? (bytes[at] ?? 0) : escape;
    at += Number.isNaN(escape) ? 1 : 3;
  }
  return bytes.subarray(0, length);
}

/** The value of a hexadecimal digit; NaN for anything else. */
function digit(byte: number | undefined): number {
  return byte === undefined ? Number.NaN : parseInt(String.fromCharCode(byte), 16);
}

/** One layer taken off an encoded text: `base64`, `hex`, `url`, `deflate`, … */
export type Layer = DecodedLayer;

/** A text that came out of an encoded run. */
export interface Unwrapped {
  /** Where the outermost run begins in the text that was searched. */
  readonly start: number;
  readonly end: number;
  /** What was taken off, outermost first; the last one holds the innermost text. */
  readonly layers: readonly Layer[];
  /** The innermost text. */
  readonly text: string;
}

/** How much {@link Layers} decodes. */
export interface LayerLimits {
  /** Encodings inside of encodings; 8 where not given. */
  depth?: number;
  /** UTF-16 units of decoded text, all layers together; 16 Mi where not given. */
  total?: number;
  /** Runs that are tried; 10,000 where not given. */
  runs?: number;
}

/** Fewest bytes in a run of hexadecimal digits. */
const HEX_MINIMUM = 16;
/** Fewest escapes (`%41`, `\x41`) in a run. */
const ESCAPES_MINIMUM = 8;
/** From this length on a line of base64 may go on in the next (RFC 2045 breaks at 76). */
const WRAPPED_LINE = 60;

/**
 * Looks for runs of base64, hexadecimal digits and percent-encoding, decodes them, inflates what
 * is compressed, and looks again in what came out. Iterates depth first, in order of position;
 * what decodes to no text is passed over.
 */
export class Layers implements Iterable<Unwrapped> {
  readonly #text: string;
  readonly #depth: number;
  #total: number;
  #runs: number;
  /**
   * Whether a limit was reached, so that something may not have been decoded: a reason to report a
   * problem.
   */
  isCut = false;

  constructor(text: string, { depth = 8, total = 16 << 20, runs = 10_000 }: LayerLimits = {}) {
    this.#text = text;
    this.#depth = depth;
    this.#total = total;
    this.#runs = runs;
  }

  [Symbol.iterator](): Iterator<Unwrapped> {
    return this.#within(this.#text, [], undefined);
  }

  *#within(
    text: string,
    above: readonly Layer[],
    outer: readonly [number, number] | undefined,
  ): Generator<Unwrapped> {
    for (const run of runs(text)) {
      if (this.#runs <= 0) {
        this.isCut = true;
        return;
      }
      this.#runs -= 1;
      const decoded = decodeRun(text.slice(...run));
      if (decoded === undefined) continue;
      const size = decoded.reduce((sum, layer) => sum + layer.text.length, 0);
      if (size > this.#total) {
        this.isCut = true;
        this.#runs = 0;
        return;
      }
      this.#total -= size;
      const [start, end] = outer ?? run;
      const layers = [...above, ...decoded];
      const innermost = layers.at(-1)?.text ?? '';
      yield { start, end, layers, text: innermost };
      if (layers.length < this.#depth) yield* this.#within(innermost, layers, [start, end]);
      else this.isCut = true;
    }
  }
}

/**
 * Runs of characters that encodings consist of; long lines of base64 go on behind a line break.
 * Shorter than 24 (18 bytes of content) are identifiers.
 */
function* runs(text: string): Generator<[start: number, end: number]> {
  const run = /[A-Za-z0-9+/\-_%\\]{24,}/g;
  const continued = /(?=\s{0,63}\n)\s{1,64}([A-Za-z0-9+/\-_%\\]+)/y;
  for (let found = run.exec(text); found !== null; found = run.exec(text)) {
    let width = found[0].length;
    let end = run.lastIndex;
    while (width >= WRAPPED_LINE) {
      continued.lastIndex = end;
      const more = continued.exec(text);
      if (more === null) break;
      width = more[1]?.length ?? 0;
      end = continued.lastIndex;
    }
    run.lastIndex = end;
    yield [found.index, end];
  }
}

function decodeRun(given: string): Layer[] | undefined {
  if (given.split('%').length > ESCAPES_MINIMUM) return plain('url', percent(given));
  if (given.split('\\x').length > ESCAPES_MINIMUM) return plain('hex', hex(given.replaceAll('\\x', '')));
  // A path's first slash, an option's dashes.
  const run = given.replace(/^[/\-_]+/, '');
  if (run.length >= 2 * HEX_MINIMUM) {
    const found = certain('hex', hex(run));
    if (found !== undefined) return found;
  }
  return /[%\\]/.test(run) ? undefined : certain('base64', base64(run));
}

function plain(encoding: string, bytes: Uint8Array | undefined): Layer[] | undefined {
  if (bytes === undefined || !isProbablyText(bytes)) return undefined;
  const text = decodeUtf8(bytes);
  return text === undefined ? undefined : [{ encoding, text }];
}

/** As {@link payload}, for bytes that may be there by chance: only what can hardly be. */
function certain(encoding: string, bytes: Uint8Array | undefined): Layer[] | undefined {
  const found = bytes && payload(encoding, bytes);
  if (bytes === undefined || found === undefined) return undefined;
  let chance: boolean;
  if (found.length > 1) chance = !(isZlib(bytes) || (bytes[0] === 0x1f && bytes[1] === 0x8b));
  else if (isWide(bytes)) chance = found[0]?.text.includes('\u{FFFD}') ?? true;
  else chance = decodeUtf8(bytes) === undefined;
  return chance ? undefined : found;
}

function isWide(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[1] === 0 && bytes[3] === 0;
}

/**
 * What the bytes that an encoding gave say, as layers: a text, UTF-16 without a mark (as
 * PowerShell encodes commands), or either of it compressed; `undefined` where they are no text.
 */
export function payload(encoding: string, bytes: Uint8Array): Layer[] | undefined {
  if (isWide(bytes)) {
    const wide = encoding === 'base64' || encoding === 'hex' ? `${encoding} of UTF-16` : encoding;
    return [{ encoding: wide, text: decodeUtf16(bytes, true) }];
  }
  if (isProbablyText(bytes)) return [{ encoding, text: decodeText(bytes) }];
  const inflated = inflate(bytes);
  if (inflated === undefined || !isProbablyText(inflated)) return undefined;
  return [
    { encoding, text: `${bytes.length} bytes, compressed` },
    { encoding: 'deflate', text: decodeText(inflated) },
  ];
}
