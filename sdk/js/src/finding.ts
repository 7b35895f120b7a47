/** Rules, and findings that carry their evidence. @module */
import type {
  Category,
  Confidence,
  DecodedLayer,
  FindingRecord,
  Location,
  Phase,
  RuleRecord,
  Severity,
} from './contract.js';
import type { File } from './package.js';
import { type Source, cut } from './text.js';

/** Longest decoded text kept as evidence, in bytes of UTF-8. */
const DECODED_LIMIT = 2_000;

const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const ATTACK = /^T\d{4}(\.\d{3})?$/;

/** Only rules make findings. */
const FROM_RULE = Symbol('a rule');

/** A kind of finding that an analyzer can make. Written once, as a constant. */
export class Rule {
  /** The rule as the host gets it. */
  readonly record: RuleRecord;

  /** Throws where the host would refuse the rule. */
  constructor(given: {
    /** Kebab-case, unique over all analyzers. */
    id: string;
    /** One line. */
    title: string;
    /** Markdown: what it finds, why it matters, what to do. */
    help: string;
    category: Category;
    /** The severity it usually has. */
    severity: Severity;
    /** MITRE ATT&CK technique ids, such as `T1027`. */
    attack?: readonly string[];
  }) {
    if (!KEBAB_CASE.test(given.id)) {
      throw new TypeError(`a rule's id is kebab-case (as in 'demo-readme'), not '${given.id}'`);
    }
    const odd = given.attack?.find((technique) => !ATTACK.test(technique));
    if (odd !== undefined) {
      throw new TypeError(`${given.id}: an ATT&CK id looks like 'T1027' or 'T1059.006', not '${odd}'`);
    }
    this.record = { ...given, attack: given.attack ?? [] };
  }

  /** Its id. */
  get id(): string {
    return this.record.id;
  }

  /** A finding at `source.text.slice(start, end)`, with the snippet that stands there. */
  at(source: Source, start: number, end: number, confidence: Confidence): Finding {
    const [line, column] = source.position(start);
    const [endLine] = source.position(Math.max(start, end));
    const { artifact, path } = source.file;
    const snippet = source.snippet(start, end);
    return this.#finding(confidence, { artifact, path, line, column, endLine, snippet });
  }

  /** A finding about a file as a whole. */
  atFile(file: File, confidence: Confidence): Finding {
    return this.#finding(confidence, { artifact: file.artifact, path: file.path });
  }

  /**
   * A finding that no file shows, about the package as such: its name, its age, who published it.
   * `what` was seen, in one line; it takes the title's place, since it is all the evidence there is.
   */
  aboutPackage(what: string, confidence: Confidence): Finding {
    if (what.trim() === '') throw new TypeError(`${this.id}: say what was seen, it is all the evidence there is`);
    return this.#finding(confidence, undefined).title(what);
  }

  #finding(confidence: Confidence, location: Location | undefined): Finding {
    const { id: rule, title, category, severity } = this.record;
    return new Finding(FROM_RULE, {
      rule, title, category, severity, confidence, phase: 'unknown', location, decoded: [], why: '',
    });
  }
}

/**
 * One piece of evidence. A {@link Rule} makes it, from what shows it: `at`, `atFile` or
 * `aboutPackage`; there is no other way. It does not change: each method gives a new one.
 */
export class Finding {
  /** @internal */
  constructor(
    readonly key: symbol,
    /** The finding as the host gets it. */
    readonly record: FindingRecord,
  ) {
    if (key !== FROM_RULE) {
      throw new TypeError('a finding comes from its rule: Rule.at, Rule.atFile or Rule.aboutPackage');
    }
  }

  #with(changes: Partial<FindingRecord>): Finding {
    return new Finding(FROM_RULE, { ...this.record, ...changes });
  }

  /** Says what was found at this place, in one line. */
  title(title: string): Finding {
    return this.#with({ title });
  }

  /** Says why it matters here, for a person who has to decide. */
  why(why: string): Finding {
    return this.#with({ why });
  }

  /** Says when the code runs. */
  phase(phase: Phase): Finding {
    return this.#with({ phase });
  }

  /** Deviates from the rule's usual severity. */
  severity(severity: Severity): Finding {
    return this.#with({ severity });
  }

  /** Changes how sure it is. */
  confidence(confidence: Confidence): Finding {
    return this.#with({ confidence });
  }

  /** Adds decoded layers, outermost first; each text is cut to 2,000 bytes. */
  layers(layers: readonly DecodedLayer[]): Finding {
    const added = layers.map(({ encoding, text }) => ({ encoding, text: cut(text, DECODED_LIMIT) }));
    return this.#with({ decoded: [...this.record.decoded, ...added] });
  }
}

/** What a component says of itself. */
export interface Descriptor {
  /** Kebab-case. */
  readonly name: string;
  /** Semantic version; as in `packguard.toml`. */
  readonly version: string;
  /** One line. */
  readonly description: string;
  /** Purl types it applies to; empty for all. */
  readonly ecosystems: readonly string[];
  /** Every rule it can emit. The host refuses a finding of any other. */
  readonly rules: readonly Rule[];
}

/** Throws where the host would refuse the descriptor. */
export function checkDescriptor({ name, rules }: Descriptor): void {
  if (!KEBAB_CASE.test(name)) {
    throw new TypeError(`an analyzer's name is kebab-case (as in 'demo-readme'), not '${name}'`);
  }
  const twice = rules.find((rule, at) => rules.findIndex((other) => other.id === rule.id) < at);
  if (twice !== undefined) throw new TypeError(`two rules share the id '${twice.id}'`);
}
