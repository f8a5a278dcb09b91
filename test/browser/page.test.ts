import { describeInBrowser } from '../support/browser.js';
import { DemoPage, exactly, someCategory } from './demo-page.js';

describeInBrowser('the page', () => {
  const demo = DemoPage.forEachTest();

  describe('shows', () => {
    it('what the dataset is and what is in it', async () => {
      await demo.says(demo.page.locator('#fact-dataset'), 'cache:category');
      await demo.says(demo.page.locator('#fact-layout'), 'JSON');
      await demo.says(demo.page.locator('#fact-ttl'), '1 h');
      await demo.says(demo.page.locator('#fact-worker'), 'following');
      await demo.says(demo.figure('Primary', 'records'), exactly('5'));
      await demo.says(demo.figure('Redis', 'records'), exactly('5'));
      await demo.says(demo.row('cat-001'), /Beverages.*in cache/s);
      await demo.says(demo.row('cat-005'), /Specialty Cheeses.*in cat-002.*in cache/s);
      const summary = '5 records in the primary, 5 in the cache · 0 missing · 0 orphaned';
      await demo.says(demo.page.locator('#records-summary'), summary);
      expect(await demo.page.title()).toBe('cache:category · Prefetch cache');
    });

    it('a name full of markup as text', async () => {
      const name = '<img src=x onerror=alert(1)><b>bold</b>';
      expect(await demo.app.send('POST', '/primary/categories', { ...someCategory('markup'), name })).toBe(
        201,
      );
      await demo.says(demo.row('markup'), name);
      await demo.read('markup');
      await demo.says(demo.answer, JSON.stringify(name));
      expect(await demo.page.locator('main img, main b').count()).toBe(0);
      await demo.app.send('DELETE', '/primary/categories/markup');
    });
  });

  describe('Read', () => {
    it('shows a hit with its record, latency and TTL, and counts it without a primary read', async () => {
      await demo.says(demo.figure('Lookups', 'hits'), exactly('0'));
      const readsBefore = await demo.figure('Primary', 'primary reads').textContent();
      await demo.read('cat-001');
      await demo.says(demo.answer, /Hit.*200.*cache:category:cat-001/s);
      await demo.says(demo.answer, /Redis latency\s*[\d.]+ ms/);
      await demo.says(demo.answer, /TTL left\s*(1 h|59 min \d+ s)/);
      await demo.says(demo.answer, /name\s*"Beverages"/);
      await demo.says(demo.figure('Lookups', 'hits'), exactly('1'));
      await demo.says(demo.figure('Lookups', 'hit rate'), '100 %');
      await demo.says(demo.log, /lookup\s*cat-001 · hit/);
      expect(await demo.figure('Primary', 'primary reads').textContent()).toBe(readsBefore);
    });

    it('shows a miss as one, and counts it', async () => {
      demo.expectFailure('/admin/entries/cat-999', /404/);
      await demo.read('cat-999');
      await demo.says(demo.answer, /Miss.*404.*cat-999/s);
      await demo.says(demo.figure('Lookups', 'misses'), exactly('1'));
      await demo.says(demo.figure('Lookups', 'hit rate'), '0 %');
      await demo.says(demo.log, /lookup\s*cat-999 · miss/);
    });

    it('of a row does the same', async () => {
      await demo.button('Read cat-003').click();
      await demo.says(demo.answer, /Hit.*cat-003/s);
      expect(await demo.page.getByLabel('Id', { exact: true }).inputValue()).toBe('cat-003');
    });
  });

  describe('writing to the primary', () => {
    it('Update changes one field, which arrives in the cache', async () => {
      const { page } = demo;
      await page.getByLabel('Record', { exact: true }).fill('cat-001');
      await page.getByLabel('Field', { exact: true }).selectOption('name');
      await page.getByRole('textbox', { name: 'New value' }).fill('Drinks');
      await demo.button('Update').click();
      await demo.says(demo.result, 'Updated name of cat-001 in the primary.');
      await demo.says(demo.row('cat-001'), /Drinks.*written · lag [\d.]+ ms/s);
      await demo.says(demo.figure('Sync worker', 'changes applied'), exactly('1'));
      await demo.says(demo.log, /applied\s*upsert cat-001 · lag/);
      await demo.read('cat-001');
      await demo.says(demo.answer, '"Drinks"');
      await demo.app.send('PATCH', '/primary/categories/cat-001', { name: 'Beverages' });
      await demo.says(demo.answer, 'Written again since this was read.');
    });

    it('Edit of a row leads to the form with the value that is there', async () => {
      await demo.button('Edit cat-004').click();
      expect(await demo.page.getByLabel('Record', { exact: true }).inputValue()).toBe('cat-004');
      const value = demo.page.getByRole('textbox', { name: 'New value' });
      expect(await value.inputValue()).toBe('Frozen');
      expect(await demo.page.evaluate('document.activeElement.id')).toBe('update-value');
    });

    it('Update keeps numbers and booleans what they are', async () => {
      const { page } = demo;
      await demo.button('Edit cat-003').click();
      await page.getByLabel('Field', { exact: true }).selectOption('featured');
      await page.getByRole('combobox', { name: 'New value' }).selectOption('true');
      await demo.button('Update').click();
      await demo.says(demo.row('cat-003'), 'featured');
      await page.getByLabel('Field', { exact: true }).selectOption('display_order');
      await page.getByRole('textbox', { name: 'New value' }).fill('33');
      await demo.button('Update').click();
      await demo.says(demo.row('cat-003'), 'order 33');
      await demo.read('cat-003');
      await demo.says(demo.answer, /display_order\s*33\s*featured\s*true/);
    });

    it('a refused write says why', async () => {
      demo.expectFailure('/primary/categories/nowhere', /404/);
      await demo.page.getByLabel('Record', { exact: true }).fill('nowhere');
      await demo.page.getByRole('textbox', { name: 'New value' }).fill('x');
      await demo.button('Update').click();
      await demo.says(demo.result, /404.*nowhere/);
      await demo.button('Dismiss').click();
      await demo.result.waitFor({ state: 'hidden' });
    });

    it('Add adds a record, once, and Delete removes it', async () => {
      const { page } = demo;
      demo.expectFailure('/primary/categories', /409/);
      for (const answer of ['Added cat-new to the primary.', /409/]) {
        await page.getByLabel('New id').fill('cat-new');
        await page.getByLabel('Name', { exact: true }).fill('Sweets');
        await page.getByLabel('Display order').fill('7');
        await page.getByLabel('Parent').fill('cat-002');
        await page.getByLabel('Featured').check();
        await demo.button('Add').click();
        await demo.says(demo.result, answer);
      }
      await demo.says(demo.row('cat-new'), /Sweets.*order 7 · featured · in cat-002.*in cache/s);
      await demo.says(demo.figure('Redis', 'records'), exactly('6'));
      await demo.button('Delete cat-new').click();
      await demo.says(demo.result, 'Deleted cat-new from the primary.');
      await demo.row('cat-new').waitFor({ state: 'detached' });
      await demo.says(demo.figure('Redis', 'records'), exactly('5'));
      demo.expectFailure('/admin/entries/cat-new', /404/);
      await demo.read('cat-new');
      await demo.says(demo.answer, 'Miss');
    });
  });

  describe('the cache as a whole', () => {
    it('Invalidate makes one record missing until it is written or prefetched again', async () => {
      demo.expectFailure('/admin/entries/cat-002', /404/);
      await demo.button('Invalidate cat-002').click();
      await demo.says(demo.row('cat-002'), 'missing in cache');
      await demo.says(demo.page.locator('#records-summary'), '1 missing');
      await demo.page.getByLabel('Differences only').check();
      await demo.row('cat-001').waitFor({ state: 'detached' });
      expect(await demo.row('cat-002').count()).toBe(1);
      await demo.page.getByLabel('Differences only').uncheck();
      await demo.row('cat-001').waitFor();
      await demo.read('cat-002');
      await demo.says(demo.answer, 'Miss');
      await demo.button('Prefetch again').click();
      await demo.says(demo.row('cat-002'), 'in cache');
    });

    it('Clear empties the cache, Prefetch again fills it', async () => {
      demo.expectFailure('/admin/entries/cat-002', /503/);
      await demo.button('Clear').click();
      await demo.says(demo.result, 'Cleared the cache: 5 records removed.');
      await demo.says(demo.notices, 'Not loaded.');
      await demo.says(demo.figure('Redis', 'records'), exactly('0'));
      await demo.says(demo.row('cat-002'), 'missing in cache');
      await demo.read('cat-002');
      await demo.says(demo.answer, /Not loaded.*503/s);
      await demo.says(demo.figure('Lookups', 'not loaded'), exactly('1'));

      await demo.page.reload();
      await demo.says(demo.notices, 'Not loaded.');
      await demo.button('Prefetch again').click();
      await demo.says(demo.result, /Prefetched 5 records in [\d.,]+ ms/);
      await demo.page.getByText('Not loaded.').waitFor({ state: 'detached' });
      await demo.says(demo.row('cat-002'), 'in cache');
      await demo.says(demo.log, /loaded\s*5 records/);
    });

    it('an orphan is marked', async () => {
      const client = await demo.redis.client();
      await client.copy('cache:category:cat-001', 'cache:category:cat-orphan');
      await demo.app.send('PATCH', '/primary/categories/cat-002', { display_order: 2 });
      await demo.says(demo.row('cat-orphan'), /not in the primary.*orphaned in cache/s);
      await demo.button('Invalidate cat-orphan').click();
      await demo.row('cat-orphan').waitFor({ state: 'detached' });
    });

    it('Reset counters', async () => {
      await demo.read('cat-001');
      await demo.says(demo.figure('Lookups', 'hits'), exactly('1'));
      await demo.button('Reset counters').click();
      await demo.says(demo.result, 'Counters reset.');
      await demo.says(demo.figure('Lookups', 'hits'), exactly('0'));
      await demo.says(demo.figure('Lookups', 'hit rate'), '–');
    });
  });
});
