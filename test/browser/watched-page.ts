import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

/** A page in a browser context of its own, and everything that went wrong in it. */
export interface WatchedPage {
  readonly page: Page;
  /** Failed answers and connections that the test provokes: Chromium writes each to the console as an error. */
  readonly expectFailure: (path: string, what: RegExp) => void;
  /** Console errors other than the expected ones, uncaught errors, violations of the policy. */
  readonly complaints: () => string[];
  readonly close: () => Promise<void>;
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const found: string[] = [];
  const expected: { path: string; what: RegExp }[] = [];

  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    const at = message.location().url;
    const text = message.text();
    const isExpected =
      text.startsWith('Failed to load resource') &&
      expected.some(({ path, what }) => at === new URL(path, url).href && what.test(text));
    if (!isExpected) found.push(`console: ${text} (${at})`);
  });
  page.on('pageerror', (error) => found.push(`uncaught: ${error.stack ?? error.message}`));
  await page.exposeFunction('reportViolation', (violation: string) => found.push(`CSP: ${violation}`));
  await page.addInitScript(`
    document.addEventListener('securitypolicyviolation', (event) => {
      reportViolation(event.violatedDirective + ' ' + event.blockedURI);
    });
  `);

  await page.goto(url);
  await page.locator('#fact-connection', { hasText: 'live' }).waitFor();
  await page.getByRole('row').nth(1).waitFor();
  return {
    page,
    expectFailure: (path, what) => void expected.push({ path, what }),
    complaints: () => found,
    close: () => context.close(),
  };
}
