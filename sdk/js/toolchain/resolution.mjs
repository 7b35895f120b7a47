// Where the SDK's modules and what they import are found.
import { join } from 'node:path';

export const resolution = (sdk) => ({
  alias: {
    '@packguard/sdk/testing': join(sdk, 'src/testing.ts'),
    '@packguard/sdk': join(sdk, 'src/index.ts'),
    fflate: join(import.meta.dirname, 'node_modules/fflate/esm/browser.js'),
  },
  extensionAlias: { '.js': ['.ts', '.js'] },
});
