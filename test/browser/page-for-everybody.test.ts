import { describeInBrowser } from '../support/browser.js';
import { weakTexts } from './contrast.js';
import { DemoPage, exactly, someCategory } from './demo-page.js';

const nameOfFocused = `(() => {
  const focused = document.activeElement;
  return focused.getAttribute('aria-label') ?? focused.labels?.[0]?.textContent ?? focused.textContent.trim();
})()`;

describeInBrowser('the page', () => {
  const demo = DemoPage.forEachTest();

  const focused = (): Promise<string> => demo.page.evaluate<string>(nameOfFocused);

  async function tabTo(name: string, key = 'Tab'): Promise<void> {
    for (let presses = 0; presses < 80; presses++) {
      await demo.page.keyboard.press(key);
      if ((await focused()) === name) break;
    }
    expect(await focused()).toBe(name);
    expect(await demo.page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
  }

  it('works with the keyboard alone, and shows where it is', async () => {
    const { keyboard } = demo.page;
    await keyboard.press('Tab');
    expect(await focused()).toBe('Skip to the records');
    await tabTo('Id');
    await keyboard.type('cat-002');
    await keyboard.press('Enter');
    await demo.says(demo.answer, /Hit.*cat-002/s);

    await demo.app.send('POST', '/primary/categories', someCategory('keys-1'));
    await demo.says(demo.row('keys-1'), 'in cache');
    await tabTo('Edit keys-1');
    await keyboard.press('Enter');
    expect(await focused()).toBe('New value');
    await keyboard.type('By keyboard');
    await keyboard.press('Enter');
    await demo.says(demo.row('keys-1'), 'By keyboard');
    await tabTo('Invalidate keys-1');
    await keyboard.press('Space');
    await demo.says(demo.row('keys-1'), 'missing in cache');
    expect(await focused()).toBe('Read keys-1');
    await tabTo('Delete keys-1');
    await keyboard.press('Enter');
    await demo.row('keys-1').waitFor({ state: 'detached' });
    expect(await focused()).toBe('Read cat-005');
    await tabTo('Poison a change', 'Shift+Tab');
    await keyboard.press('Enter');
    await demo.says(demo.letters, 'poison-1');
    await tabTo('Discard the change of poison-1');
    await keyboard.press('Enter');
    await demo.letters.waitFor({ state: 'hidden' });
    await demo.app.send('DELETE', '/primary/categories/poison-1');
    await tabTo('Clear', 'Shift+Tab');
    await keyboard.press('Enter');
    await demo.says(demo.figure('Redis', 'records'), exactly('0'));
    await tabTo('Prefetch again', 'Shift+Tab');
    await keyboard.press('Enter');
    await demo.says(demo.figure('Redis', 'records'), exactly('5'));
  });

  it.each(['light', 'dark'] as const)('is readable in %s', async (colorScheme) => {
    await demo.open({ colorScheme });
    demo.expectFailure('/admin/entries/cat-404', /404/);
    demo.expectFailure('/admin/entries/cat-001', /503/);
    const brightness = await demo.page.evaluate<number>(
      `Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])`,
    );
    expect(brightness > 127).toBe(colorScheme === 'light');

    await demo.read('cat-001');
    await demo.says(demo.answer, 'Hit');
    expect(await weakTexts(demo.page)).toEqual([]);
    await demo.read('cat-404');
    await demo.says(demo.answer, 'Miss');
    expect(await weakTexts(demo.page)).toEqual([]);
    await demo.button('Clear').click();
    await demo.says(demo.row('cat-001'), 'missing in cache');
    await demo.read('cat-001');
    await demo.says(demo.answer, 'Not loaded');
    expect(await weakTexts(demo.page)).toEqual([]);
  });

  it.each([320, 390, 768, 1024])('fits a width of %i without scrolling sideways', async (width) => {
    await demo.open({ viewport: { width, height: 800 } });
    const id = 'x'.repeat(120);
    const name = 'Donaudampfschifffahrtsgesellschaft'.repeat(3);
    await demo.app.send('POST', '/primary/categories', { ...someCategory(id), name });
    await demo.says(demo.row(id), name);
    await demo.button(`Read ${id}`).click();
    await demo.says(demo.answer, 'Hit');
    await demo.button('Poison a change').click();
    await demo.says(demo.letters, 'poison-1');
    await demo.button('Reconcile').click();
    await demo.page.getByRole('region', { name: 'Compared with the primary' }).waitFor();
    await demo.page.getByRole('group', { name: 'What happened to it' }).waitFor();
    expect(await demo.page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0);
    const smallest = await demo.page.evaluate<number>(
      `Math.min(...[...document.querySelectorAll('button')].map((one) => one.offsetHeight || Infinity))`,
    );
    expect(smallest).toBeGreaterThanOrEqual(width < 640 ? 40 : 30);
    await demo.app.send('DELETE', `/primary/categories/${id}`);
    await demo.app.send('DELETE', '/primary/categories/poison-1');
    await demo.button('Discard the change of poison-1').click();
    await demo.letters.waitFor({ state: 'hidden' });
  });
});
