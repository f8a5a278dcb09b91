import { describeInBrowser } from '../support/browser.js';
import { weakTexts } from './contrast.js';
import { DemoPage, exactly } from './demo-page.js';

describeInBrowser('the page, when something is to be put right,', () => {
  const demo = DemoPage.forEachTest();

  it('lists a change that could not be applied, until it is discarded', async () => {
    demo.expectFailure('/admin/entries/poison-1', /404/);
    expect(await demo.letters.count()).toBe(0);
    await demo.button('Poison a change').click();
    await demo.says(demo.letters, /poison-1.*Unexpected value for field 'name'.*"op":"upsert"/s);
    await demo.says(demo.figure('Redis', 'dead letters'), exactly('1'));
    await demo.says(demo.log, /dead letter\s*poison-1 · Unexpected value/);
    await demo.says(demo.row('poison-1'), /\["not","a text"\].*missing in cache/s);
    expect(await weakTexts(demo.page)).toEqual([]);

    const letter = (await demo.app.get('/admin/dead-letters')) as { letters: { id: string }[] };
    demo.expectFailure(`/admin/dead-letters/${letter.letters[0]?.id ?? ''}/replay`, /409/);
    await demo.button('Replay the change of poison-1').click();
    await demo.says(demo.result, /409.*still cannot be applied/);
    await demo.button('Read poison-1').click();
    await demo.says(demo.page.locator('#history'), /poison-1 is not in Redis\. 1 of its changes wait/);

    await demo.button('Discard the change of poison-1').focus();
    await demo.page.keyboard.press('Enter');
    await demo.says(demo.result, 'Discarded the change of poison-1.');
    await demo.letters.waitFor({ state: 'hidden' });
    expect(await demo.page.evaluate('document.activeElement.id')).toBe('records-heading');
    await demo.says(demo.figure('Redis', 'dead letters'), exactly('0'));
    await demo.app.send('DELETE', '/primary/categories/poison-1');
    await demo.row('poison-1').waitFor({ state: 'detached' });
  });

  it('offers no replay of what a newer change has overtaken', async () => {
    await demo.button('Poison a change').click();
    await demo.says(demo.letters, 'poison-1');
    await demo.app.send('PATCH', '/primary/categories/poison-1', { name: 'Cured' });
    await demo.says(demo.row('poison-1'), /Cured.*in cache/s);
    await demo.says(demo.letters, 'Something newer is applied to this record.');
    expect(await demo.button('Replay the change of poison-1').isDisabled()).toBe(true);
    await demo.button('Discard the change of poison-1').click();
    await demo.letters.waitFor({ state: 'hidden' });
    await demo.app.send('DELETE', '/primary/categories/poison-1');
  });

  it('finds a record that was lost, and says so in a report', async () => {
    demo.expectFailure('/admin/entries/cat-001', /404/);
    await demo.button('Lose a record').click();
    await demo.says(demo.row('cat-001'), 'missing in cache');
    await demo.read('cat-001');
    await demo.says(demo.answer, 'Miss');
    await demo.button('Reconcile').click();
    const report = demo.page.getByRole('region', { name: 'Compared with the primary' });
    await demo.says(report, /5 records compared in [\d.,]+ ms: 1 difference, 1 of them repaired/);
    await demo.says(report, /Missing in Redis\s*cat-001/);
    await demo.says(
      demo.log,
      /reconciled\s*5 records in .* 1 missing · 0 different · 0 orphaned · 1 repaired/,
    );
    await demo.says(demo.row('cat-001'), 'in cache');
    await demo.read('cat-001');
    const history = demo.page.getByRole('group', { name: 'What happened to it' });
    await demo.says(history, /cat-001 is in Redis, expires in .*written as a repair\s*worker-\d/s);
    expect(await weakTexts(demo.page)).toEqual([]);
    await demo.button('Reconcile').click();
    await demo.says(report, /no difference/);
  });
});
