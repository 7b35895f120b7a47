/** The class that analyzers derive from. @module */
import { Analysis } from './analysis.js';
import type { Descriptor } from './finding.js';
import type { Package } from './package.js';
import { Source, decodeText, isProbablyText } from './text.js';

/** How much of a file tells whether it is text, in bytes. */
const HEAD = 8 << 10;

/**
 * The analyzer can't work at all: a setting that makes no sense. One line. A file it can't read or
 * parse is a problem in the {@link Analysis}, not an error.
 */
export class AnalyzerError extends Error {
  override readonly name = 'AnalyzerError';
}

/** A class that derives from {@link Analyzer} and says what it is. */
export interface AnalyzerClass {
  readonly descriptor: Descriptor;
  new (): Analyzer;
}

/**
 * A component that looks at packages. A class that derives from it has a static `descriptor`.
 *
 * Most analyzers look at texts one by one and need {@link text} alone; what has to be said about
 * the package as a whole goes into {@link package}, which comes after the files. An instance is
 * made for each package, without arguments, and may keep notes from one file to the next. An
 * analyzer that walks the package in a way of its own replaces {@link analyze}.
 */
export class Analyzer {
  /**
   * Which files {@link text} gets: patterns as `Package.glob` takes them. Of those they match, the
   * ones that are no text are passed over.
   */
  readonly files: readonly string[] = ['**'];

  /**
   * Largest text handed to {@link text}, in bytes. A larger one is a problem in the
   * {@link Analysis}. A Rust guest's is 16 MiB; interpreted code needs ten to fifty times the CPU.
   */
  readonly fileLimit: number = 4 << 20;

  /** Looks at one text file. */
  text?(source: Source, analysis: Analysis): void;

  /** Looks at the package as a whole, once its files were looked at. */
  package?(pkg: Package, analysis: Analysis): void;

  /** Looks at one package. Throws {@link AnalyzerError} when it can't work at all. */
  analyze(pkg: Package): Analysis {
    const analysis = new Analysis();
    if (this.text !== undefined) this.#texts(pkg, analysis);
    this.package?.(pkg, analysis);
    return analysis;
  }

  #texts(pkg: Package, analysis: Analysis): void {
    for (const file of pkg.glob(...this.files)) {
      const head = analysis.readHead(file, HEAD);
      if (head === undefined || !isProbablyText(head)) continue;
      const bytes = file.size <= HEAD ? head : analysis.read(file, this.fileLimit);
      if (bytes !== undefined) this.text?.(new Source(file, decodeText(bytes)), analysis);
    }
  }
}
