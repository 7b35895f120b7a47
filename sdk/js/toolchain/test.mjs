// Runs the native tests of an analyzer (`*.test.ts`, `*.test.js`) in its folder: test.mjs SDK PROJECT
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { rolldown } from 'rolldown';

import { resolution } from './resolution.mjs';

const [sdk, project] = process.argv.slice(2);
const tests = readdirSync(project).filter((name) => /\.test\.(ts|js|mjs)$/.test(name));
if (tests.length === 0) {
  console.error(`packguard: ${project} has no tests: they stand in files called NAME.test.ts`);
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'packguard-js-'));
try {
  const bundled = [];
  for (const name of tests) {
    const file = join(folder, `${name}.mjs`);
    const build = await rolldown({
      input: join(project, name),
      platform: 'node',
      tsconfig: false,
      resolve: resolution(sdk),
    });
    await build.write({ file, format: 'esm' });
    bundled.push(file);
  }
  const run = [process.execPath, ['--test', '--test-reporter=spec', ...bundled]];
  process.exitCode = spawnSync(...run, { cwd: project, stdio: 'inherit' }).status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
