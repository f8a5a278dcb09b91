import { describeInBrowser } from '../support/browser.js';
import { DemoPage } from './demo-page.js';

describeInBrowser('the page of 5,000 records in hashes', () => {
  const demo = DemoPage.forEachTest(['--layout', 'hash', '--records', '5000']);

  it('shows the first of them, says so, and writes text', async () => {
    const { page } = demo;
    const rows = page.locator('#record-rows tr');
    await page.locator('#fact-layout', { hasText: 'HASH' }).waitFor();
    await page.getByText('Showing the first 200 of 5,000.').waitFor();
    expect(await rows.count()).toBe(200);
    expect(await page.locator('#record-rows tr:not([data-presence="cached"])').count()).toBe(0);

    const id = (await page.getByRole('rowheader').first().textContent()) ?? '';
    await demo.button(`Edit ${id}`).click();
    await page.getByLabel('Field', { exact: true }).selectOption('display_order');
    await page.getByRole('textbox', { name: 'New value' }).fill('77');
    await demo.button('Update').click();
    await demo.says(demo.row(id), 'order 77');
    await demo.read(id);
    await demo.says(demo.answer, /display_order\s*"77"/);

    await demo.button(`Invalidate ${id}`).click();
    await page.getByLabel('Differences only').check();
    await demo.says(demo.row(id), 'missing in cache');
    expect(await rows.count()).toBe(1);
  });
});
