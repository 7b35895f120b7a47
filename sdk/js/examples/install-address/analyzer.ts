/** Finds install scripts whose code connects to a bare IP address. */
import { type Analysis, Analyzer, type File, Layers, type Package, Rule, Source } from '@packguard/sdk';

const INSTALL_ADDRESS = new Rule({
  id: 'install-address',
  title: 'An install script names a bare IP address',
  help:
    'Found where a file that an install script of `package.json` runs names a web address by number, ' +
    'in clear or encoded.\n\n' +
    'It runs on every machine that installs the package. Honest install scripts fetch from a named ' +
    'host. Look at what is fetched or sent.',
  category: 'install-hook',
  severity: 'high',
  attack: ['T1195.002', 'T1071.001'],
});

/** The scripts that npm runs by itself when a package is installed. */
const HOOKS = ['preinstall', 'install', 'postinstall', 'prepare'];

const ADDRESS = /\b(?:https?|wss?):\/\/(?:\d{1,3}\.){3}\d{1,3}\b[^\s'"`<>\\)]*/g;

/** Larger manifests and scripts are no part of an honest installation. */
const LIMIT = 1 << 20;

export default class InstallAddress extends Analyzer {
  static readonly descriptor = {
    name: 'install-address',
    version: '0.1.0',
    description: 'Install scripts whose code names a bare address',
    ecosystems: ['npm'],
    rules: [INSTALL_ADDRESS],
  };

  override package(pkg: Package, analysis: Analysis): void {
    for (const manifest of pkg.files()) {
      if (manifest.pathBelowTop !== 'package.json' || manifest.path.includes('node_modules/')) continue;
      const text = analysis.readText(manifest, LIMIT);
      if (text === undefined) continue;
      for (const [hook, command] of installScripts(manifest, text, analysis)) {
        this.#look(new Source(manifest, text), hook, analysis);
        for (const script of scriptsOf(command, manifest, pkg)) {
          const code = analysis.readText(script, LIMIT);
          if (code !== undefined) this.#look(new Source(script, code), hook, analysis);
        }
      }
    }
  }

  #look(source: Source, hook: string, analysis: Analysis): void {
    for (const found of source.text.matchAll(ADDRESS)) {
      const finding = INSTALL_ADDRESS.at(source, found.index, found.index + found[0].length, 'medium');
      analysis.push(finding.title(`The ${hook} script names ${found[0].slice(0, 100)}`).phase('install').why(WHY));
    }
    const layers = new Layers(source.text);
    for (const { start, end, layers: taken, text } of layers) {
      const address = text.match(ADDRESS)?.[0];
      if (address === undefined) continue;
      const title = `The ${hook} script hides ${address.slice(0, 100)}`;
      const finding = INSTALL_ADDRESS.at(source, start, end, 'high').severity('critical').layers(taken);
      analysis.push(finding.title(title).phase('install').why(WHY));
    }
    if (layers.isCut) analysis.problem(source.file, 'more is encoded here than was decoded');
  }
}

const WHY = 'It runs on every machine that installs the package, and says by number where it connects to.';

/** The install scripts of a manifest: hook and command. */
function installScripts(manifest: File, text: string, analysis: Analysis): [string, string][] {
  try {
    const scripts: unknown = JSON.parse(text)?.scripts ?? {};
    return Object.entries(scripts as object).filter(
      (entry): entry is [string, string] => HOOKS.includes(entry[0]) && typeof entry[1] === 'string',
    );
  } catch (error) {
    analysis.problem(manifest, `no JSON: ${error instanceof Error ? error.message : error}`);
    return [];
  }
}

/** The files of the package that a command names. */
function scriptsOf(command: string, manifest: File, pkg: Package): File[] {
  const folder = manifest.path.slice(0, manifest.path.length - manifest.name.length);
  const words = command.split(/[\s;&|'"]+/).map((word) => word.replace(/^\.\//, ''));
  const paths = words.flatMap((word) => [`${folder}${word}`, `${folder}${word}.js`, `${folder}${word}/index.js`]);
  return pkg.allFiles.filter((file) => file.artifact === manifest.artifact && paths.includes(file.path));
}
