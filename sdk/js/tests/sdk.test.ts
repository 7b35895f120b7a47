import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

import {
  Analysis,
  Analyzer,
  FINDINGS_PER_RULE,
  Finding,
  Layers,
  Rule,
  Source,
  base64,
  checkDescriptor,
  cut,
  decodeText,
  entropy,
  hex,
  inflate,
  isProbablyText,
  matches,
  percent,
  sources,
} from '@packguard/sdk';
import { PackageBuilder, run } from '@packguard/sdk/testing';

const RULE = new Rule({ id: 'test-rule', title: 'A test', help: '', category: 'execution', severity: 'low' });
const CODE = "require('child_process').exec('id')";
const encode = (content: string | Uint8Array): string => Buffer.from(content).toString('base64');
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (found: Uint8Array | undefined): string | undefined => found && Buffer.from(found).toString('latin1');
const unwrapped = (given: string): string[] => [...new Layers(given)].map((found) => found.text);

test('base64 takes both alphabets and no padding', () => {
  assert.equal(text(base64('aGk/')), 'hi?');
  assert.equal(text(base64('aGk_')), 'hi?');
  assert.equal(text(base64('aG k')), 'hi');
  assert.equal(base64('a*'), undefined);
  assert.equal(base64('aaaaa'), undefined);
});

test('hex needs whole bytes', () => {
  assert.equal(text(hex('48 69')), 'Hi');
  assert.equal(hex('486'), undefined);
  assert.equal(hex(''), undefined);
});

test('percent leaves broken escapes alone', () => {
  assert.equal(text(percent('%41%4g%')), 'A%4g%');
});

test('inflate is bounded, and keeps what precedes damage', () => {
  assert.equal(inflate(gzipSync(Buffer.alloc(9 << 20)))?.length, 8 << 20);
  for (const pack of [gzipSync, deflateSync, deflateRawSync]) {
    assert.equal(text(inflate(pack(CODE.repeat(9)))), CODE.repeat(9));
  }
  const noise = Buffer.from(Array.from({ length: 40_000 }, (_, at) => (at * at * 31 + at) % 251));
  const damaged = deflateSync(noise).subarray(0, 9_000);
  const kept = inflate(damaged);
  assert.ok(kept !== undefined && kept.length > 0);
  assert.deepEqual(Buffer.from(kept), noise.subarray(0, kept.length));
  assert.equal(inflate(bytes('no stream at all')), undefined);
});

test('each encoding is taken off, and what is inside too', () => {
  const hexed = Buffer.from(CODE).toString('hex');
  const each = (prefix: string): string => [...Buffer.from(CODE)].map((one) => prefix + one.toString(16).padStart(2, '0')).join('');
  for (const one of [hexed, each('\\x'), each('%'), encode(CODE)]) assert.deepEqual(unwrapped(`f("${one}")`), [CODE]);
  assert.deepEqual(unwrapped(encode(hexed)), [hexed, CODE]);
  const [found] = new Layers(encode(deflateSync(CODE.repeat(9))));
  assert.equal(found?.text, CODE.repeat(9));
  assert.equal(found?.layers[1]?.encoding, 'deflate');
  const wide = Buffer.from('iex (hello, harmless)', 'utf16le');
  assert.equal([...new Layers(encode(wide))][0]?.layers[0]?.encoding, 'base64 of UTF-16');
  const lines = encode('a line of harmless text, repeated. '.repeat(12)).match(/.{1,76}/g) ?? [];
  assert.equal(unwrapped(lines.join('\n  ')).length, 1);
});

test('what only looks encoded is left alone', () => {
  for (const one of [
    'AbstractSingletonProxyFactoryBeanImplementation',
    'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    '/usr/local/lib/python3/dist-packages/requests/adapters',
  ]) {
    assert.deepEqual(unwrapped(one), [], one);
  }
});

test('limits end the search and say so', () => {
  let nested = 'the innermost text of all of them';
  for (let at = 0; at < 12; at += 1) nested = encode(nested);
  const deep = new Layers(nested);
  assert.equal([...deep].length, 8);
  assert.ok(deep.isCut);
  const many = `${encode('harmless, but encoded text')} `.repeat(50);
  const few = new Layers(many, { runs: 20 });
  assert.equal([...few].length, 20);
  assert.ok(few.isCut);
  const small = new Layers(many, { total: 100 });
  assert.equal([...small].length, 3);
  assert.ok(small.isCut);
  const all = new Layers(many);
  assert.equal([...all].length, 50);
  assert.ok(!all.isCut);
});

test('decoding hides nothing', () => {
  assert.equal(decodeText(Uint8Array.of(0xef, 0xbb, 0xbf, 0x6f, 0x73)), 'os');
  assert.equal(decodeText(Uint8Array.of(0xff, 0xfe, 0x6f, 0, 0x73, 0)), 'os');
  assert.equal(decodeText(Uint8Array.of(0xfe, 0xff, 0, 0x6f, 0xd8, 0)), 'o\u{FFFD}');
  assert.equal(decodeText(Uint8Array.of(0x65, 0xe9)), 'eé');
  assert.ok(!isProbablyText(bytes('\x7fELF\0')));
  assert.ok(isProbablyText(bytes('é = 1\n')));
});

test('entropy bounds', () => {
  assert.ok(entropy(bytes('aaaa')) < 0.01);
  assert.equal(entropy(Uint8Array.from({ length: 256 }, (_, at) => at)), 8);
});

test('text is cut at characters', () => {
  assert.equal(cut('aéb', 2), 'a');
  assert.equal(cut('a\u{1F600}b', 5), 'a\u{1F600}');
});

const sourceOf = (content: string): Source => {
  const [file] = new PackageBuilder('npm', 'x').file('package/a.js', content).build().files();
  assert.ok(file !== undefined);
  return new Source(file, content);
};

test('positions count lines and characters from one', () => {
  const source = sourceOf('añ\u{1F600}b\nsecond');
  assert.deepEqual(source.position(0), [1, 1]);
  assert.deepEqual(source.position(4), [1, 4]);
  assert.deepEqual(source.position(6), [2, 1]);
  assert.deepEqual(source.position(99), [2, 7]);
  assert.equal(source.snippet(6, 7), 'second');
});

test('the snippet of a long line stays short', () => {
  const snippet = sourceOf(`${'a'.repeat(10_000)}eval(x)${'b'.repeat(10_000)}`).snippet(10_000, 10_007);
  assert.ok(snippet.startsWith('eval(x)') && snippet.length < 260);
});

test('patterns', () => {
  assert.ok(matches('*.py', 'requests-2.28.1/setup.PY'));
  assert.ok(matches('bin/*', 'package/bin/cli'));
  assert.ok(matches('src/**/*.{c,h}', 'inner.tar.gz!/x-1.0/src/a/b.h'));
  assert.ok(!matches('bin/*', 'package/lib/bin/cli'));
  assert.ok(!matches('a+(b)', 'aab'));
  assert.ok(matches('**', 'any/thing'));
  assert.ok(sources('npm').some((one) => matches(one, 'package/index.mjs')));
  assert.deepEqual(sources('unheard-of'), ['**']);
});

test('what the host would refuse is refused at once', () => {
  const odd = { title: '', help: '', category: 'execution', severity: 'low' } as const;
  assert.throws(() => new Rule({ ...odd, id: 'Not Kebab' }), /kebab-case/);
  assert.throws(() => new Rule({ ...odd, id: 'a', attack: ['1027'] }), /ATT&CK/);
  assert.throws(
    () => checkDescriptor({ name: 'a', version: '1.0.0', description: '', ecosystems: [], rules: [RULE, RULE] }),
    /two rules share/,
  );
  assert.throws(() => new Finding(Symbol('mine'), {} as never), /comes from its rule/);
  assert.throws(() => RULE.aboutPackage(' ', 'low'), /evidence/);
});

test('decoys do not push out the grave finding', () => {
  const analysis = new Analysis();
  for (let at = 0; at < FINDINGS_PER_RULE; at += 1) analysis.push(RULE.aboutPackage(`${at}`, 'low'));
  analysis.push(RULE.aboutPackage('grave', 'high').severity('critical'));
  analysis.push(RULE.aboutPackage('mild', 'low'));
  assert.equal(analysis.findings.length, FINDINGS_PER_RULE);
  assert.ok(analysis.findings.some((one) => one.title === 'grave'));
  assert.ok(!analysis.findings.some((one) => one.title === 'mild'));
});

test('a flood of problems is cut and says so', () => {
  const analysis = new Analysis();
  for (let at = 0; at < 1_000; at += 1) analysis.generalProblem('broken');
  assert.equal(analysis.problems.length, 201);
  assert.match(analysis.problems.at(-1)?.reason ?? '', /more files/);
});

test('every text is handed over, and none is passed over in silence', () => {
  class Counter extends Analyzer {
    static readonly descriptor = { name: 'counter', version: '0.1.0', description: '', ecosystems: [], rules: [RULE] };
    override readonly fileLimit = 20;
    #seen: string[] = [];

    override text(source: Source): void {
      this.#seen.push(source.file.path);
    }

    override package(_: unknown, analysis: Analysis): void {
      analysis.push(RULE.aboutPackage(this.#seen.join(' '), 'high'));
    }
  }
  const pkg = new PackageBuilder('npm', 'a')
    .file('a.js', '1')
    .file('deep/b.txt', Uint8Array.of(0xff, 0xfe, 0x68, 0))
    .file('binary', '\x7fELF\0\0\0')
    .file('large.js', 'a'.repeat(9_000))
    .build();
  const analysis = run(Counter, pkg);
  assert.equal(analysis.findings[0]?.title, 'a.js deep/b.txt');
  assert.deepEqual(analysis.problems, [{ path: 'large.js', artifact: 0, reason: 'larger than 20 bytes: not read' }]);
});
