/** What an analyzer has to say about a package. @module */
import type { FindingRecord, Problem } from './contract.js';
import type { Finding } from './finding.js';
import type { File } from './package.js';
import { decodeText } from './text.js';

/**
 * Most findings one rule may make in one package: beyond it they add nothing a person would read,
 * and a hostile package must not flood the report.
 */
export const FINDINGS_PER_RULE = 25;

/** Most problems one analyzer lists. */
const PROBLEMS = 200;

const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;
const CONFIDENCES = ['low', 'medium', 'high'] as const;
const URGENCIES = ['unknown', 'execute', 'import', 'install'] as const;

/** What an analyzer has to say about a package: findings, and what it could not look at. */
export class Analysis {
  readonly #findings: FindingRecord[] = [];
  readonly #problems: Problem[] = [];

  /** The evidence. */
  get findings(): readonly FindingRecord[] {
    return this.#findings;
  }

  /** What was not, or not fully, analysed. Any makes `clean` impossible. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /**
   * Adds a finding. Of a rule's findings the gravest {@link FINDINGS_PER_RULE} are kept, so that
   * harmless ones can't push out the one that matters.
   */
  push({ record }: Finding): void {
    const same = this.#findings.filter((have) => have.rule === record.rule);
    if (same.length >= FINDINGS_PER_RULE) {
      const mildest = same.reduce((least, have) => (gravity(have) < gravity(least) ? have : least));
      if (gravity(record) <= gravity(mildest)) return;
      this.#findings.splice(this.#findings.indexOf(mildest), 1);
    }
    this.#findings.push(record);
  }

  /**
   * Says that a file was not, or not fully, analysed. Beyond 200 the last one only counts: a flood
   * must not cost the findings their place in the answer.
   */
  problem(file: File, reason: string): void {
    this.#add({ path: file.path, artifact: file.artifact, reason });
  }

  /** As {@link problem}, for what concerns no single file. */
  generalProblem(reason: string): void {
    this.#add({ reason });
  }

  /**
   * The bytes of a file of at most `limit` bytes. A larger one, and one that can't be read, is
   * noted as a problem.
   */
  read(file: File, limit: number): Uint8Array | undefined {
    if (file.size > limit) {
      this.problem(file, `larger than ${size(limit)}: not read`);
      return undefined;
    }
    return this.readHead(file, limit);
  }

  /** At most the first `limit` bytes of a file. One that can't be read is noted as a problem. */
  readHead(file: File, limit: number): Uint8Array | undefined {
    try {
      return file.read(limit);
    } catch (error) {
      this.problem(file, `can't be read: ${reasonOf(error)}`);
      return undefined;
    }
  }

  /** As {@link read}, decoded by `decodeText`. */
  readText(file: File, limit: number): string | undefined {
    const bytes = this.read(file, limit);
    return bytes && decodeText(bytes);
  }

  #add(problem: Problem): void {
    if (this.#problems.length < PROBLEMS) this.#problems.push(problem);
    else if (this.#problems.length === PROBLEMS) {
      this.#problems.push({ reason: 'more files, not listed, were not fully analysed' });
    }
  }
}

/** What decides which findings of a rule are kept. */
function gravity({ severity, confidence, phase }: FindingRecord): number {
  return SEVERITIES.indexOf(severity) * 100 + CONFIDENCES.indexOf(confidence) * 10 + URGENCIES.indexOf(phase);
}

/** What was thrown: an `Error`, or an error code of the host. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && 'payload' in error) return String(error.payload);
  return error instanceof Error ? error.message : String(error);
}

function size(limit: number): string {
  const mebibytes = limit / (1 << 20);
  return mebibytes >= 1 && Number.isInteger(mebibytes) ? `${mebibytes} MiB` : `${limit} bytes`;
}
