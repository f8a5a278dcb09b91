import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const elsewhere = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

const args = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The executable of CHROMIUM_PATH, or one of this machine. */
function findBrowser(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = environment['CHROMIUM_PATH'] ?? '';
  if (named !== '') return named;
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...candidates, ...elsewhere].find(isExecutable);
}

export async function launchBrowser(): Promise<Browser> {
  const executablePath = findBrowser();
  if (executablePath === undefined) throw new Error(noBrowser);
  // Chromium refuses to run as root inside its sandbox.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath, args: [...sandbox, ...args] });
}

const noBrowser =
  'No browser: the tests of the page need Chromium or Chrome on the PATH, or its path in CHROMIUM_PATH.';

/** Without a browser the tests inside are skipped and it is said so; where one is required they fail. */
export function describeInBrowser(name: string, tests: () => void): void {
  const isRequired = process.env['CI'] === 'true' || process.env['PREFETCH_REQUIRE_BROWSER'] === '1';
  if (isRequired || findBrowser() !== undefined) {
    describe(name, tests);
    return;
  }
  process.stderr.write(`SKIPPED: ${name}. ${noBrowser}\n`);
  describe.skip(`${name} (${noBrowser})`, tests);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
