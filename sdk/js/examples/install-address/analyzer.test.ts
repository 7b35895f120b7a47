import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';

import { PackageBuilder, run, sample } from '@packguard/sdk/testing';

import InstallAddress from './analyzer.js';

// Tests run in the project's folder.
const SAMPLES = 'samples/';

test('malicious samples are found, benign ones are not', () => {
  const said = readdirSync(SAMPLES)
    .sort()
    .map((name) => `${name}: ${run(InstallAddress, sample(SAMPLES + name).build()).findings.length}`);
  assert.deepEqual(said, [
    'address-not-run: 0',
    'named-host: 0',
    'postinstall-hides-address: 1',
    'preinstall-in-clear: 1',
  ]);
});

test('a manifest that is no JSON is a problem', () => {
  for (const text of ['{', '[', 'null', '{"scripts": 1}', '{"scripts": {"install": 1}}', '']) {
    const pkg = new PackageBuilder('npm', 'odd').file('package/package.json', text).build();
    const { findings, problems } = run(InstallAddress, pkg);
    assert.equal(findings.length, 0, text);
    assert.equal(problems.length, ['{', '[', ''].includes(text) ? 1 : 0, text);
  }
});
