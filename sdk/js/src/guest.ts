/** What the component exports, made of an analyzer. Only for components: it imports from the
 * host. @module */
import { write } from 'packguard:analyzer/log@1.0.0';
import { getDirectories } from 'wasi:filesystem/preopens@0.2.10';

import { AnalyzerError, type AnalyzerClass } from './analyzer.js';
import type { FindingRecord, PackageRecord, Problem, RuleRecord } from './contract.js';
import { checkDescriptor } from './finding.js';
import { setHost } from './host.js';
import { Package } from './package.js';

/** Most bytes asked of the host in one call; it bounds what one call may hand over. */
const CHUNK = 1 << 20;

// The engine's own fetch ends the component, since HTTP was left out of it.
Reflect.deleteProperty(globalThis, 'fetch');

setHost({ read, log: (level, message) => write(level, message) });

function read(location: string, length: number): Uint8Array {
  for (const [folder, path] of getDirectories()) {
    if (!location.startsWith(`${path}/`)) continue;
    const file = folder.openAt({}, location.slice(path.length + 1), {}, { read: true });
    try {
      return readAll(file, length);
    } finally {
      file[Symbol.dispose]();
      folder[Symbol.dispose]();
    }
  }
  throw new Error(`${location} is not below /package`);
}

function readAll(
  file: { read(length: bigint, offset: bigint): [Uint8Array, boolean] },
  length: number,
): Uint8Array {
  const content = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const [bytes, end] = file.read(BigInt(Math.min(length - at, CHUNK)), BigInt(at));
    content.set(bytes, at);
    at += bytes.length;
    if (end || bytes.length === 0) break;
  }
  return content.subarray(0, at);
}

/** What the component exports. */
export interface World {
  describe(): {
    name: string;
    version: string;
    description: string;
    ecosystems: readonly string[];
    rules: readonly RuleRecord[];
  };
  analyze(record: PackageRecord): { findings: readonly FindingRecord[]; problems: readonly Problem[] };
}

/** The exports of the world `analyzer`. */
export function world(analyzer: AnalyzerClass): World {
  checkDescriptor(analyzer.descriptor);
  return {
    describe() {
      const { name, version, description, ecosystems, rules } = analyzer.descriptor;
      return { name, version, description, ecosystems, rules: rules.map((rule) => rule.record) };
    },
    analyze(record) {
      try {
        const analysis = new analyzer().analyze(new Package(record));
        return { findings: analysis.findings, problems: analysis.problems };
      } catch (error) {
        // A string becomes the error of the contract; anything else is a bug, and traps.
        throw error instanceof AnalyzerError ? error.message : bug(error);
      }
    },
  };
}

/**
 * What ends the component with the error as its last words. The bindings look for a `payload` in
 * what is thrown; of an `Error` as such they only say that it is no string.
 */
function bug(error: unknown): object {
  const place = error instanceof Error ? ` at ${error.stack?.split('\n')[0] ?? 'no known place'}` : '';
  return {
    get payload(): never {
      throw `${String(error)}${place}`;
    },
  };
}
