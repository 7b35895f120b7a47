/** The package under analysis. @module */
import type { Artifact, FileEntry, PackageRecord } from './contract.js';
import { Glob, sources } from './glob.js';
import { currentHost } from './host.js';

/** A file of the package. */
export class File {
  constructor(
    /** The entry as the host describes it. */
    readonly entry: FileEntry,
  ) {}

  /** Index into {@link Package.artifacts}. */
  get artifact(): number {
    return this.entry.artifact;
  }

  /** Path inside the artifact. */
  get path(): string {
    return this.entry.path;
  }

  /** Last component of the path. */
  get name(): string {
    return this.path.slice(this.path.lastIndexOf('/') + 1);
  }

  /** Lower-case extension without the dot; empty where there is none. */
  get extension(): string {
    const dot = this.name.lastIndexOf('.');
    return dot > 0 ? this.name.slice(dot + 1).toLowerCase() : '';
  }

  /**
   * Path below the artifact's single top folder (`requests-2.28.1/`, `package/`), for archives
   * that have one by convention: npm, sdists, crates.
   */
  get pathBelowTop(): string {
    return this.path.slice(this.path.indexOf('/') + 1);
  }

  /** Bytes. */
  get size(): number {
    return Number(this.entry.size);
  }

  /**
   * The content, or at most its first `limit` bytes. Throws what the file system says; report it
   * as a problem, as `Analysis.read` does.
   */
  read(limit: number = Number.POSITIVE_INFINITY): Uint8Array {
    return currentHost().read(this.entry.location, Math.min(limit, this.size));
  }
}

/** One release with all its artifacts and files. */
export class Package {
  /** Every file, repeats included. */
  readonly allFiles: readonly File[];

  constructor(
    /** The package as the host describes it. */
    readonly record: PackageRecord,
  ) {
    this.allFiles = record.files.map((entry) => new File(entry));
  }

  /** Purl type: `pypi`, `npm`, …; `generic` for what is not known. */
  get ecosystem(): string {
    return this.record.ecosystem;
  }

  /** Name without namespace. */
  get name(): string {
    return this.record.name;
  }

  /** Purl namespace (`@babel`, a Maven group), where there is one. */
  get namespace(): string | undefined {
    return this.record.namespace;
  }

  /** The version, where there is one. */
  get version(): string | undefined {
    return this.record.version;
  }

  /** The package URL, where there is one. */
  get purl(): string | undefined {
    return this.record.purl;
  }

  /** The downloadable files of the release. */
  get artifacts(): readonly Artifact[] {
    return this.record.artifacts;
  }

  /** The registry's metadata as JSON text, where there is one. */
  get metadata(): string | undefined {
    return this.record.metadata;
  }

  /** The value of an operator's setting. */
  setting(name: string): string | undefined {
    return this.record.settings.find((one) => one.name === name)?.value;
  }

  /**
   * Every distinct file, in order. Files that repeat an earlier one (same bytes and same file
   * name) are left out: {@link allFiles} has them too.
   */
  files(): File[] {
    return this.allFiles.filter((file) => file.entry.duplicateOf === undefined);
  }

  /** Every distinct file that one of the patterns matches (see `matches`), in order. */
  glob(...patterns: string[]): File[] {
    const ready = patterns.map((pattern) => new Glob(pattern));
    return this.files().filter((file) => ready.some((one) => one.matches(file.path)));
  }

  /** Every distinct file that holds code of the package's ecosystem (see `sources`). */
  sources(): File[] {
    return this.glob(...sources(this.ecosystem));
  }
}
