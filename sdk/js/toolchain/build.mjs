// Builds an analyzer into a component: build.mjs SDK PROJECT COMPONENT. `../build` runs it from
// within the toolchain's folder, where its imports are.
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { componentize } from '@bytecodealliance/componentize-js';
import { _addPreopen } from '@bytecodealliance/preview2-shim/filesystem';
import { rolldown } from 'rolldown';

import { resolution } from './resolution.mjs';

const [sdk, project, component] = process.argv.slice(2);

/** One module of the analyzer, the SDK and what they import. */
async function bundle(source, folder) {
  const entry = join(folder, 'entry.ts');
  // componentize-js reads the exports of the module by name.
  writeFileSync(
    entry,
    `import analyzer from ${JSON.stringify(source)};
import { world } from ${JSON.stringify(join(sdk, 'src/guest.ts'))};
const made = world(analyzer);
export const describe = made.describe;
export const analyze = made.analyze;
`,
  );
  const build = await rolldown({
    input: entry,
    external: /^(packguard|wasi):/,
    platform: 'neutral',
    tsconfig: false,
    resolve: resolution(sdk),
    onwarn(warning) {
      // What can't be found would only fail in the sandbox.
      throw new Error(warning.message);
    },
  });
  const file = join(folder, 'bundle.js');
  await build.write({ file, format: 'esm' });
  return file;
}

/** The world in one text: a package of ours around the contract and WASI's files. */
function wit() {
  const read = (...path) => readFileSync(join(sdk, ...path), 'utf8');
  const [contract, worlds] = [read('../../wit/types.wit'), read('../../wit/worlds.wit')];
  const name = /^package ([^;]+);$/m;
  const nested = `package ${name.exec(contract)[1]} {\n${contract.replace(name, '')}\n${worlds}\n}`;
  // Docs before a nested package are not allowed where its own were.
  return [read('wit/world.wit'), read('wit/filesystem.wit'), nested.replaceAll(/^\/\/\/.*$/gm, '')].join('\n');
}

const source = ['analyzer.ts', 'analyzer.js', 'analyzer.mjs']
  .map((name) => join(project, name))
  .find((path) => existsSync(path));
const folder = mkdtempSync(join(tmpdir(), 'packguard-js-'));
try {
  // The tool of componentize-js sees no folder unless it is given one.
  _addPreopen('/', '/');
  const built = await componentize({
    sourcePath: await bundle(source, folder),
    witWorld: wit(),
    worldName: 'guest',
    // Clock and random numbers are the host's, frozen and seeded: without them the engine keeps
    // those of the moment it was built in.
    disableFeatures: ['http', 'fetch-event'],
  });
  // Beside its place, so that a build that fails leaves the old one.
  writeFileSync(`${component}.new`, built.component);
  renameSync(`${component}.new`, component);
} catch (error) {
  console.error(`packguard: ${source} did not build:\n${error.message ?? error}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
