import { describeInBrowser } from '../support/browser.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { weakTexts } from './contrast.js';
import { DemoPage } from './demo-page.js';

describeOnPostgres('on Postgres', () => {
  describeInBrowser('the page before a primary in Postgres', () => {
    const demo = DemoPage.forEachTest(['--primary', 'postgres']);

    it('shows the SQL of an edit, and the row in the cache', async () => {
      await demo.says(demo.page.getByRole('listitem', { name: 'Primary' }), 'A table in Postgres');
      await demo.says(demo.sql, /create table public\.prefetch_demo_category/);
      await demo.button('Edit cat-001').click();
      await demo.page.getByRole('textbox', { name: 'New value' }).fill("<i>O'Drinks</i>");
      await demo.button('Update').click();
      const newest = demo.sql.getByRole('listitem').first();
      await demo.says(newest, /update public\.prefetch_demo_category set name = \$2 where id = \$1/);
      await demo.says(newest, "$2 = '<i>O''Drinks</i>'");
      await demo.says(newest, /1 row · [\d.]+ ms/);
      await demo.says(demo.row('cat-001'), /O'Drinks.*written · lag [\d.]+ ms/s);
      for (const colorScheme of ['light', 'dark'] as const) {
        await demo.open({ colorScheme });
        await demo.says(demo.sql, "$2 = '<i>O''Drinks</i>'");
        expect(await weakTexts(demo.page)).toEqual([]);
      }
    });

    it('shows a row that is no category as a dead letter', async () => {
      await demo.button('Poison a change').click();
      await demo.says(demo.sql, /\$1 = 'poison-1'\s*\$2 = null/);
      await demo.says(demo.letters, 'A category needs a name.');
      await demo.says(demo.row('poison-1'), /null.*missing in cache/s);
      await demo.button('Delete poison-1').click();
      await demo.row('poison-1').waitFor({ state: 'detached' });
      await demo.letters.getByRole('button', { name: /Discard/ }).click();
      await demo.letters.waitFor({ state: 'hidden' });
    });

    it('says that Postgres has crashed, that lookups go on, and that it is back', async () => {
      demo.expectFailure('/admin/state?limit=200', /503/);
      demo.expectFailure('/admin/primary?limit=200', /503/);
      demo.expectFailure('/primary/categories/cat-002', /503/);
      await demo.button('Crash Postgres').click();
      await demo.says(demo.result, 'Postgres has crashed, and comes back after 5 s');
      await demo.says(demo.notices, 'Postgres does not answer. Lookups go on, from Redis.');
      await demo.read('cat-002');
      await demo.says(demo.answer, 'Hit');
      await demo.button('Edit cat-002').click();
      await demo.page.getByRole('textbox', { name: 'New value' }).fill('Too early');
      await demo.button('Update').click();
      await demo.says(demo.result, /503.*Postgres cannot be asked now/);
      expect(await weakTexts(demo.page)).toEqual([]);
      await demo.says(demo.log, /fault\s*Postgres is back, with its data\./);
      await demo.page.getByText('Postgres does not answer.').waitFor({ state: 'detached' });
      await demo.app.send('PATCH', '/primary/categories/cat-002', { name: 'Written afterwards' });
      await demo.says(demo.row('cat-002'), /Written afterwards.*written/s);
    });
  });
});

describeInBrowser('the page before a primary in memory', () => {
  const demo = DemoPage.forEachTest();

  it('has no SQL', async () => {
    expect(await demo.sql.count()).toBe(0);
    await demo.says(demo.page.getByRole('listitem', { name: 'Primary' }), 'The source of truth');
  });
});
