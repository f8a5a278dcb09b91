import { describeInBrowser } from '../support/browser.js';
import { DemoPage, exactly } from './demo-page.js';

const markOfOutcome = `(() => {
  const mark = getComputedStyle(document.querySelector('#reading .outcome'), '::before');
  const isFilled = mark.backgroundColor === mark.color;
  return [mark.borderRadius, mark.borderStyle, mark.height, mark.transform, isFilled].join(' ');
})()`;

describeInBrowser('the page, live,', () => {
  const demo = DemoPage.forEachTest();

  describe('moves by itself:', () => {
    it('what happens elsewhere is seen without a reload', async () => {
      const { page } = demo;
      await page.evaluate('window.stillTheSamePage = true');
      for (let time = 1; time <= 3; time++) {
        await demo.app.send('PATCH', '/primary/categories/cat-002', { display_order: 20 + time });
        await demo.says(demo.row('cat-002'), `order ${20 + time}`);
        await demo.app.get('/categories/cat-002');
        await demo.says(demo.figure('Lookups', 'hits'), exactly(String(time)));
      }
      await page.getByRole('img', { name: 'Sync lag of the last 3 batches' }).waitFor();
      await page.getByRole('img', { name: 'Hit rate over time, now 100 %' }).waitFor();
      expect(await page.locator('#lag-sparkline .bar').count()).toBe(3);
      expect(await page.locator('#hit-rate-sparkline .line').count()).toBe(1);
      await demo.button('Empty the log').click();
      expect(await demo.log.getByRole('listitem').count()).toBe(0);
      expect(await page.evaluate('window.stillTheSamePage')).toBe(true);
    });

    it('what has just changed is marked for a while, without motion where none is wanted', async () => {
      const { page } = demo;
      const changed = page.locator('tr.changed[data-id="cat-002"]');
      await demo.app.send('PATCH', '/primary/categories/cat-002', { display_order: 2 });
      await changed.waitFor();
      expect(await page.evaluate(`document.querySelector('tr.changed').getAnimations().length`)).toBe(1);
      await changed.waitFor({ state: 'detached' });

      await demo.open({ reducedMotion: 'reduce' });
      const still = demo.page.locator('tr.changed[data-id="cat-002"]');
      await demo.app.send('PATCH', '/primary/categories/cat-002', { display_order: 2 });
      await still.waitFor();
      expect(await demo.page.evaluate('document.getAnimations().length')).toBe(0);
    });
  });

  describe('tells apart', () => {
    it('a hit, a miss, a dataset that is not loaded and Redis that does not answer', async () => {
      demo.expectFailure('/admin/entries/cat-999', /404/);
      demo.expectFailure('/admin/entries/cat-001', /503/);
      demo.expectFailure('/admin/state?limit=200', /503/);
      const marks = new Set<unknown>();
      const look = async (title: string): Promise<void> => {
        await demo.says(demo.answer, title);
        marks.add(await demo.page.evaluate(markOfOutcome));
      };
      await demo.read('cat-001');
      await look('Hit');
      await demo.read('cat-999');
      await look('Miss');
      await demo.button('Clear').click();
      await demo.says(demo.notices, 'Not loaded.');
      await demo.read('cat-001');
      await look('Not loaded');
      demo.redis.stall();
      try {
        await demo.read('cat-001');
        await look('Redis unavailable');
        await demo.says(demo.notices, 'Redis does not answer.');
      } finally {
        demo.redis.resume();
      }
      expect(marks.size).toBe(4);
      await demo.page.getByText('Redis does not answer.').waitFor({ state: 'detached' });
    });

    it('a dead connection, which is mended by itself', async () => {
      for (const path of [
        'events',
        'entries/cat-001',
        'clear',
        'state?limit=200',
        'primary?limit=200',
        'stats',
      ]) {
        demo.expectFailure(`/admin/${path}`, /net::ERR_/);
      }
      demo.expectFailure('/favicon.svg', /net::ERR_/); // the browser asks for it when it likes
      await demo.app.kill();
      await demo.says(demo.notices, 'Connection lost.');
      await demo.says(demo.page.locator('#fact-connection'), 'lost, trying again');
      await demo.read('cat-001');
      await demo.says(demo.answer, /No connection.*no answer/s);
      await demo.button('Clear').click();
      await demo.says(demo.result, 'No connection: the sample app does not answer.');

      await demo.restartApp();
      await demo.page.getByText('live', { exact: true }).waitFor({ timeout: 15_000 });
      await demo.says(demo.log, /connection\s*restored/);
      await demo.says(demo.row('cat-001'), 'in cache');
      await demo.read('cat-001');
      await demo.says(demo.answer, 'Hit');
      expect(await demo.notices.textContent()).toBe('');
    });
  });
});
