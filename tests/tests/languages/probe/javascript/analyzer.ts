/** Tries what a guest may not do, and fails on purpose: as the setting `do` says. */
import { Analysis, Analyzer, AnalyzerError, File, type Package, Rule, log } from '@packguard/sdk';

const SAW = new Rule({
  id: 'probe-saw',
  title: 'What the probe saw',
  help: '',
  category: 'metadata',
  severity: 'info',
});

const at = (location: string): File =>
  new File({ artifact: 0, path: '', location, size: 10n, sha256: '', executable: false });

const global = globalThis as unknown as Record<string, (...given: unknown[]) => unknown>;

const TRIES: [string, () => unknown][] = [
  ['read', () => at('/etc/passwd').read()],
  ['escape', () => at('/package/../etc/passwd').read()],
  ['connect', () => global['fetch']?.('http://192.0.2.1/') ?? refuse()],
  ['socket', () => global['WebSocket']?.('ws://192.0.2.1/') ?? refuse()],
  ['require', () => global['require']?.('fs') ?? refuse()],
];

function refuse(): never {
  throw new Error('there is no such thing');
}

export default class Probe extends Analyzer {
  static readonly descriptor = {
    name: 'probe',
    version: '0.1.0',
    description: 'Tries what a guest may not do',
    ecosystems: [],
    rules: [SAW],
  };

  override analyze(pkg: Package): Analysis {
    switch (pkg.setting('do')) {
      case 'error':
        throw new AnalyzerError('the setting makes no sense');
      case 'crash':
        throw new RangeError('a bug of the analyzer');
      case 'memory':
        for (const kept: Uint8Array[] = []; ; ) kept.push(new Uint8Array(64 << 20).fill(1));
      case 'loop':
        for (;;);
      case 'flood':
        for (;;) log('info', 'x'.repeat(10_000));
    }
    const analysis = new Analysis();
    for (const [name, attempt] of TRIES) {
      let saw = `${name} refused`;
      try {
        saw = `${name} worked: ${attempt()}`;
      } catch {
        // As it should be.
      }
      analysis.push(SAW.aboutPackage(saw, 'high'));
    }
    const environment = typeof global['process'];
    for (const saw of [`environment ${environment}`, `time ${Date.now() / 1000}`, `chance ${Math.random()}`]) {
      analysis.push(SAW.aboutPackage(saw, 'high'));
    }
    return analysis;
  }
}
