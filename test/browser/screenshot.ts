// Makes docs/sample-app.png: npm run build && npx tsx test/browser/screenshot.ts
// A path and a colour scheme may follow, such as: … screenshot.ts page.png dark 390

import { launchBrowser } from '../support/browser.js';
import { startTestRedis } from '../support/redis.js';
import { startSampleApp } from './sample-app.js';
import { openPage } from './watched-page.js';

void main();

async function main(): Promise<void> {
  const [path = 'docs/sample-app.png', colorScheme = 'light', width = '1240'] = process.argv.slice(2);

  const redis = await startTestRedis({ private: true });
  const app = await startSampleApp(redis.url);
  const browser = await launchBrowser();
  const { page } = await openPage(browser, app.url, {
    viewport: { width: Number(width), height: 900 },
    deviceScaleFactor: 1.5,
    colorScheme: colorScheme === 'dark' ? 'dark' : 'light',
  });
  const shows = (text: string) => page.getByText(text).first().waitFor();

  // The first changes and lookups of a process are slow, and not what the picture should tell of.
  for (let turn = 0; turn < 50; turn++) {
    await app.send('PATCH', '/primary/categories/cat-001', { display_order: 1 });
    await app.get('/categories/cat-001');
  }
  await page.getByRole('button', { name: 'Reset counters' }).click();
  await page.getByRole('button', { name: 'Prefetch again' }).click();
  await shows('Prefetched 5 records');
  await page.getByRole('button', { name: 'Empty the log' }).click();

  for (let turn = 1; turn <= 24; turn++) {
    const id = `cat-00${1 + (turn % 5)}`;
    await app.send('PATCH', `/primary/categories/${id}`, { display_order: 1 + (turn % 5) });
    await app.get(turn % 9 === 4 ? '/categories/cat-404' : `/categories/${id}`);
    // A little longer than what the app waits between two sets of figures, so that each turn leaves its mark.
    await page.waitForTimeout(270);
  }
  await page.locator('tr.changed').last().waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Read cat-002' }).click();
  await shows('Redis latency');
  await page.getByRole('button', { name: 'Invalidate cat-004' }).click();
  await shows('missing in cache');
  await app.send('PATCH', '/primary/categories/cat-003', { display_order: 3, featured: true });
  await page.locator('tr.changed[data-id="cat-003"]').waitFor();
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await page.mouse.move(0, 0);
  await page.waitForTimeout(700);
  await page.screenshot({ path, fullPage: true });

  await browser.close();
  await app.stop();
  await redis.stop();
}
