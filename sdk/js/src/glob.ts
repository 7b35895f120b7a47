/** Patterns of paths, and which files hold the code of an ecosystem. @module */

const SOURCES: ReadonlyMap<string, readonly string[]> = new Map([
  ['pypi', ['*.{py,pyw,pyi,pth,pyx}']],
  ['npm', ['*.{js,mjs,cjs,jsx,ts,mts,cts,tsx}', 'package.json']],
  ['cargo', ['*.rs']],
  ['gem', ['*.{rb,gemspec,rake}', 'Rakefile', 'extconf*']],
  ['maven', ['*.{java,kt,kts,scala,groovy,gradle}']],
  ['composer', ['*.{php,phtml,inc}']],
  ['golang', ['*.go']],
  ['nuget', ['*.{cs,vb,fs,ps1,psm1,targets,props}']],
]);

/**
 * Patterns of the files that hold the code of an ecosystem's packages, by purl type; `**` for one
 * that is not known.
 */
export function sources(ecosystem: string): readonly string[] {
  return SOURCES.get(ecosystem) ?? ['**'];
}

/**
 * Whether a path of an artifact matches a pattern.
 *
 * A pattern without `/` is compared with the file name (`*.py`), any other with the whole path,
 * with the path below the top folder that archives have by convention, and with either inside of
 * an archive in the artifact. `*` stands for anything within a folder, `**` for any folders, `?`
 * for one character, `{a,b}` for one of them. Letter case does not count.
 */
export function matches(pattern: string, path: string): boolean {
  return new Glob(pattern).matches(path);
}

/** A pattern, ready to be compared with many paths. */
export class Glob {
  readonly #expression: RegExp;
  readonly #wholePath: boolean;

  constructor(pattern: string) {
    this.#expression = new RegExp(`^(?:${expression(pattern.toLowerCase())})$`, 'su');
    this.#wholePath = pattern.includes('/');
  }

  /** Whether it matches a path of an artifact. */
  matches(given: string): boolean {
    const path = given.toLowerCase();
    const inner = path.slice(path.lastIndexOf('!/') + (path.includes('!/') ? 2 : 1));
    if (!this.#wholePath) return this.#expression.test(inner.slice(inner.lastIndexOf('/') + 1));
    return [path, below(path), inner, below(inner)].some((one) => one !== '' && this.#expression.test(one));
  }
}

function below(path: string): string {
  const slash = path.indexOf('/');
  return slash < 0 ? '' : path.slice(slash + 1);
}

const TOKENS = /\*\*\/|\*\*|\*|\?|\{[^{}/]*\}|./gsu;

function expression(pattern: string): string {
  const one = (token: string): string => {
    if (token === '**/') return '(?:[^/]+/)*';
    if (token === '**') return '.*';
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    if (token.length > 1 && token.startsWith('{')) {
      return `(?:${token.slice(1, -1).split(',').map(literal).join('|')})`;
    }
    return literal(token);
  };
  return (pattern.match(TOKENS) ?? []).map(one).join('');
}

function literal(text: string): string {
  return text.replace(/[\\^$.+?()[\]{}|/]/gu, '\\$&').replaceAll('*', '[^/]*');
}
