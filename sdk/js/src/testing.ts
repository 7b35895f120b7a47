/** Packages made in memory or read from samples, for native tests of analyzers. Only for Node.
 * @module */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import type { Analysis } from './analysis.js';
import type { AnalyzerClass } from './analyzer.js';
import { checkDescriptor } from './finding.js';
import { setHost } from './host.js';
import { Package } from './package.js';

const memory = new Map<string, Uint8Array>();
let packages = 0;

setHost({ read, log: (level, message) => process.stderr.write(`${level}: ${message}\n`) });

function read(location: string, length: number): Uint8Array {
  const kept = memory.get(location);
  if (kept !== undefined) return kept.subarray(0, length);
  const file = openSync(location, 'r');
  try {
    const content = new Uint8Array(length);
    return content.subarray(0, readSync(file, content));
  } finally {
    closeSync(file);
  }
}

/** Builds a {@link Package} of one artifact, whose files are in memory. */
export class PackageBuilder {
  readonly #contents = new Map<string, Uint8Array>();
  readonly #settings: { name: string; value: string }[] = [];
  #metadata: string | undefined;

  constructor(
    readonly ecosystem: string,
    readonly name: string,
    readonly version = '1.0.0',
  ) {}

  /** Adds a file. */
  file(path: string, content: string | Uint8Array = ''): this {
    this.#contents.set(path, typeof content === 'string' ? new TextEncoder().encode(content) : content);
    return this;
  }

  /** Sets the registry's metadata. */
  metadata(json: string): this {
    this.#metadata = json;
    return this;
  }

  /** Adds an operator's setting. */
  setting(name: string, value: string): this {
    this.#settings.push({ name, value });
    return this;
  }

  /** The package, files in the order the host gives them. */
  build(): Package {
    const { ecosystem, name, version } = this;
    packages += 1;
    const paths = [...this.#contents.keys()].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    const files = paths.map((path) => {
      const content = this.#contents.get(path) ?? new Uint8Array();
      const location = `memory:${packages}/${path}`;
      memory.set(location, content);
      const sha256 = createHash('sha256').update(content).digest('hex');
      return { artifact: 0, path, location, size: BigInt(content.length), sha256, executable: false };
    });
    return new Package({
      ecosystem,
      name,
      version,
      purl: `pkg:${ecosystem}/${name}@${version}`,
      artifacts: [{ filename: `${name}-${version}`, sha256: '', size: 0n }],
      files,
      metadata: this.#metadata,
      settings: this.#settings,
    });
  }
}

/**
 * The package of a sample folder: `sample.toml`, and below `package/` its files, where `NAME.b64`
 * is stored encoded so that scanners do not trip.
 */
export function sample(folder: string): PackageBuilder {
  const about = readFileSync(join(folder, 'sample.toml'), 'utf8');
  const value = (key: string): string => {
    // The four lines of a sample need no parser of TOML.
    const found = new RegExp(`^${key} *= *"([^"\\\\]*)"`, 'm').exec(about)?.[1];
    if (found === undefined) throw new Error(`${folder}/sample.toml has no ${key}`);
    return found;
  };
  const builder = new PackageBuilder(value('ecosystem'), value('name'), value('version'));
  const root = join(folder, 'package');
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const location = join(entry.parentPath, entry.name);
    const path = location.slice(root.length + 1).replaceAll('\\', '/');
    const content = readFileSync(location);
    if (path.endsWith('.b64')) builder.file(path.slice(0, -4), Buffer.from(content.toString(), 'base64'));
    else builder.file(path, content);
  }
  return builder;
}

/**
 * Runs an analyzer here, without a sandbox. Throws where the host would refuse the answer: a
 * finding of a rule that the descriptor does not list, or about a file that the package does not
 * have.
 */
export function run(analyzer: AnalyzerClass, pkg: Package): Analysis {
  checkDescriptor(analyzer.descriptor);
  const analysis = new analyzer().analyze(pkg);
  const rules = analyzer.descriptor.rules.map((rule) => rule.id);
  for (const { rule, location } of analysis.findings) {
    if (!rules.includes(rule)) throw new Error(`${rule}: not among the descriptor's rules`);
    const known = (path: string): boolean => pkg.allFiles.some((file) => file.path === path);
    if (location !== undefined && !known(location.path)) throw new Error(`${location.path}: no such file`);
  }
  return analysis;
}
