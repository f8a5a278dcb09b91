import { answersAt } from '../../src/demo/redis-server/answers-at.js';
import { describeInBrowser } from '../support/browser.js';
import { weakTexts } from './contrast.js';
import { DemoPage, exactly } from './demo-page.js';
import { until } from '../support/until.js';

/** A worker that was killed is replaced after 6 s. */
const untilReplaced = 15_000;

// So slow that what happens while the primary is read can be seen.
const slowPrimary = ['--primary-latency-ms', '1500'];

describeInBrowser('the page, when something fails,', () => {
  const demo = DemoPage.forEachTest(slowPrimary);

  it('shows that the worker was killed, who takes over, and that a new one stands by', async () => {
    await demo.says(demo.workers, /following.*standby|standby.*following/s);
    const gone = demo.workers.getByRole('listitem').filter({ hasText: 'following' });
    const name = (await gone.locator('.code').textContent()) ?? '';
    await demo.button('Kill the worker').click();
    await demo.says(demo.result, `${name} has lost its connection for good`);
    await demo.says(demo.notices, /No worker follows\. worker-\d stands by and takes over/);
    await demo.says(demo.log, /fault.*has lost its connection/s);
    await demo.says(demo.workers, new RegExp(`${name}\\s*failed`));
    expect(await weakTexts(demo.page)).toEqual([]);

    await demo.app.send('PATCH', '/primary/categories/cat-002', { name: 'Written meanwhile' });
    await demo.says(demo.row('cat-002'), /Written meanwhile.*written/s);
    await demo.page.getByText('No worker follows.').waitFor({ state: 'detached' });
    await demo.says(demo.page.locator('#fact-worker'), 'following');
    await demo.says(demo.workers, new RegExp(`${name}\\s*standby`), untilReplaced);
    await demo.says(demo.log, new RegExp(`worker\\s*${name} · standby`));
    await demo.app.send('PATCH', '/primary/categories/cat-002', { name: 'Bakery' });
  });

  it('shows that a worker which is stopped hands over', async () => {
    await demo.button('Stop the worker').click();
    await demo.says(demo.result, /worker-\d was stopped and has handed over/);
    await demo.says(demo.workers, /stopped/);
    await demo.says(demo.workers, /following/);
    await demo.says(demo.workers, /standby/, untilReplaced);
  });

  it('shows that Redis was flushed, that nothing is loaded, the load, and that all is well again', async () => {
    demo.expectFailure('/admin/entries/cat-001', /503/);
    await demo.button('Flush Redis').click();
    await demo.says(demo.notices, /Not loaded\. Every lookup answers 503 until a worker has loaded/);
    await demo.read('cat-001');
    await demo.says(demo.answer, 'Not loaded');
    await demo.says(demo.page.locator('#prefetch-text'), /^\s*Loading: /);
    await demo.page.getByText('Not loaded.', { exact: true }).waitFor({ state: 'detached' });
    await demo.page.locator('#prefetch-text').waitFor({ state: 'hidden' });
    await demo.says(demo.figure('Redis', 'records'), exactly('5'));
    await demo.says(demo.log, /load\s*prefetch begun: /);
    await demo.says(demo.log, /loading\s*5 of 5 records/);
    await demo.read('cat-001');
    await demo.says(demo.answer, 'Hit');
  });

  it('says why it cannot stall a Redis that was there before', async () => {
    await demo.says(
      demo.page.getByRole('group', { name: 'Let something fail' }),
      /Stall Redis: This Redis was/,
    );
    expect(await demo.button('Stall Redis').isDisabled()).toBe(true);
  });
});

describeInBrowser('the page of an app with a Redis of its own', () => {
  let hasLocalRedis: boolean;

  beforeAll(async () => {
    hasLocalRedis = await answersAt({ port: 6379 });
    if (hasLocalRedis) process.stderr.write('SKIPPED: a Redis at 127.0.0.1:6379 is no private one.\n');
  });

  const demo = DemoPage.forEachTest([], true);

  it('shows that Redis is stalled, and that it goes on', async () => {
    if (hasLocalRedis) return;
    demo.expectFailure('/admin/entries/cat-001', /503/);
    demo.expectFailure('/admin/state?limit=200', /503/);
    await demo.button('Stall Redis').click();
    await demo.says(demo.result, 'Redis is stopped for 5 s');
    await demo.says(demo.notices, 'Redis does not answer.');
    await demo.read('cat-001');
    await demo.says(demo.answer, 'Redis unavailable');
    await demo.says(demo.log, /fault\s*Redis goes on\./);
    await demo.page.getByText('Redis does not answer.').waitFor({ state: 'detached' });
    await demo.says(demo.workers, /following.*standby|standby.*following/s);
    await demo.read('cat-001');
    await demo.says(demo.answer, 'Hit');
  });
});

describeInBrowser('the page of an app without faults', () => {
  const demo = DemoPage.forEachTest(['--no-faults', '--workers', '1', '--max-staleness-ms', '2000']);

  it('has no buttons for them', async () => {
    await demo.says(demo.workers, /^\s*worker-1\s*following\s*$/);
    expect(await demo.page.getByRole('group', { name: 'Let something fail' }).count()).toBe(0);
  });

  it('says that the worker tries again while Redis is gone, and loads it when it is back and empty', async () => {
    demo.expectFailure('/admin/state?limit=200', /503/);
    await demo.redis.kill();
    await demo.says(demo.notices, /worker-1 tries again\. Redis cannot answer/);
    await demo.says(demo.notices, 'Redis does not answer.');
    await demo.says(demo.workers, /worker-1\s*retrying/);
    expect(await weakTexts(demo.page)).toEqual([]);
    await demo.redis.restart();
    await demo.says(demo.workers, /worker-1\s*following/);
    await demo.page.getByText('worker-1 tries again.').waitFor({ state: 'detached' });
    await demo.page.getByText('Redis does not answer.').waitFor({ state: 'detached' });
    await demo.says(demo.row('cat-001'), 'in cache');
    await until(async () => (await demo.notices.textContent()) === '');
  });

  it('says when what it shows is stale', async () => {
    demo.expectFailure('/admin/state?limit=200', /503/);
    demo.redis.stall();
    try {
      await demo.says(
        demo.notices,
        /Stale\. No worker has been heard of for more than 2 s\. Lookups answer 503/,
      );
    } finally {
      demo.redis.resume();
    }
    await demo.page.getByText('Stale.').waitFor({ state: 'detached' });
    await demo.says(demo.figure('Sync worker', 'heard of'), exactly('now'));
  });
});
