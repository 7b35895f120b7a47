/** The records of `wit/types.wit`, as components of JavaScript see them. @module */

/** How bad it is if the finding is true. */
export type Severity = 'info' | 'low' | 'medium' | 'high' | 'critical';

/** How sure the analyzer is that the finding is true. */
export type Confidence = 'low' | 'medium' | 'high';

/** When the code in question runs. */
export type Phase = 'install' | 'import' | 'execute' | 'unknown';

/** What a finding is about: MITRE ATT&CK tactics, and what is specific to packages. */
export type Category =
  | 'capability'
  | 'install-hook'
  | 'execution'
  | 'persistence'
  | 'defense-evasion'
  | 'credential-access'
  | 'discovery'
  | 'collection'
  | 'command-and-control'
  | 'exfiltration'
  | 'impact'
  | 'supply-chain'
  | 'archive'
  | 'metadata'
  | 'binary';

/** One downloadable file of a release. */
export interface Artifact {
  readonly filename: string;
  /** Lower-case hex; empty for a folder. */
  readonly sha256: string;
  /** Bytes; 0 for a folder. */
  readonly size: bigint;
}

/** One regular file of an artifact, as the host describes it. */
export interface FileEntry {
  /** Index into the package's artifacts. */
  readonly artifact: number;
  /** Path inside the artifact. Files of an archive inside it stand below `<its path>!/`. */
  readonly path: string;
  /** Where the guest reads it. */
  readonly location: string;
  /** Bytes. */
  readonly size: bigint;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly executable: boolean;
  /** Index of an earlier file with the same bytes and the same file name. */
  readonly duplicateOf?: number | undefined;
}

/** The package as the host describes it. */
export interface PackageRecord {
  readonly purl?: string | undefined;
  readonly ecosystem: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly version?: string | undefined;
  readonly artifacts: readonly Artifact[];
  readonly files: readonly FileEntry[];
  readonly metadata?: string | undefined;
  readonly settings: readonly { readonly name: string; readonly value: string }[];
}

/** A place in a file. Lines and columns count from 1, columns in Unicode scalar values. */
export interface Location {
  readonly artifact: number;
  readonly path: string;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly endLine?: number | undefined;
  readonly snippet?: string | undefined;
}

/** One layer taken off an encoded payload. */
export interface DecodedLayer {
  readonly encoding: string;
  readonly text: string;
}

/** One piece of evidence, as the host gets it. */
export interface FindingRecord {
  readonly rule: string;
  readonly title: string;
  readonly category: Category;
  readonly severity: Severity;
  readonly confidence: Confidence;
  readonly phase: Phase;
  readonly location?: Location | undefined;
  readonly decoded: readonly DecodedLayer[];
  readonly why: string;
}

/** Something that was not, or not fully, analysed. Any makes `clean` impossible. */
export interface Problem {
  readonly path?: string | undefined;
  readonly artifact?: number | undefined;
  readonly reason: string;
}

/** A rule, as the host gets it. */
export interface RuleRecord {
  readonly id: string;
  readonly title: string;
  readonly help: string;
  readonly category: Category;
  readonly severity: Severity;
  readonly attack: readonly string[];
}
