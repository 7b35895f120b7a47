/**
 * Write Packguard analyzers in JavaScript or TypeScript.
 *
 * An analyzer is a WASI component that is handed one unpacked package and answers with
 * findings. Derive from {@link Analyzer}; the class is the module's default export:
 *
 * ```ts
 * import { Analysis, Analyzer, Package, Rule } from '@packguard/sdk';
 *
 * const README = new Rule({
 *   id: 'demo-readme',
 *   title: 'The package has a README',
 *   help: 'Found when a file called README stands in the package. Harmless.',
 *   category: 'metadata',
 *   severity: 'info',
 * });
 *
 * export default class Demo extends Analyzer {
 *   static override readonly descriptor = {
 *     name: 'demo', version: '0.1.0', description: 'Looks for a README', ecosystems: [], rules: [README],
 *   };
 *
 *   override package(pkg: Package, analysis: Analysis): void {
 *     for (const file of pkg.glob('README*')) analysis.push(README.atFile(file, 'high'));
 *   }
 * }
 * ```
 *
 * Guests have no network, no environment, no writable directory, a frozen clock and a seeded
 * random source, so the same package always gives the same answer.
 *
 * @module
 */
export { Analysis, FINDINGS_PER_RULE } from './analysis.js';
export { Analyzer, AnalyzerError, type AnalyzerClass } from './analyzer.js';
export { Finding, Rule, checkDescriptor, type Descriptor } from './finding.js';
export { File, Package } from './package.js';
export { Source, cut, decodeText, entropy, isProbablyText } from './text.js';
export { base64, hex, inflate, percent, payload, Layers, type Layer, type Unwrapped } from './decode.js';
export { matches, sources } from './glob.js';
export { log } from './host.js';
export type * from './contract.js';
