import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { launchBrowser } from '../support/browser.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { type SampleApp, startSampleApp } from './sample-app.js';
import { type WatchedPage, openPage } from './watched-page.js';

const patience = { timeout: 8_000 };

/** The page in a browser before a sample app with a Redis of its own; every test begins with a fresh page. */
export class DemoPage {
  #browser: Browser | undefined;
  #redis: TestRedis | undefined;
  #app: SampleApp | undefined;
  #watched: WatchedPage | undefined;
  #complaints: string[] = [];

  readonly #appOptions: readonly string[];
  readonly #isLeftAlone: boolean;

  private constructor(appOptions: readonly string[], isLeftAlone: boolean) {
    this.#appOptions = appOptions;
    this.#isLeftAlone = isLeftAlone;
  }

  /**
   * Call it inside of a `describe`.
   *
   * @param isLeftAlone the app starts a Redis for itself
   */
  static forEachTest(appOptions: readonly string[] = [], isLeftAlone = false): DemoPage {
    const demo = new DemoPage(appOptions, isLeftAlone);
    beforeAll(() => demo.#start());
    afterAll(() => demo.#stop());
    beforeEach(async () => {
      await demo.app.send('POST', '/admin/reprefetch');
      await demo.app.send('POST', '/admin/stats/reset');
      await demo.open();
    });
    afterEach(async () => {
      await demo.#close();
      expect(demo.#complaints.splice(0)).toEqual([]);
    });
    return demo;
  }

  get redis(): TestRedis {
    return started(this.#redis);
  }

  get app(): SampleApp {
    return started(this.#app);
  }

  get page(): Page {
    return started(this.#watched).page;
  }

  async open(options?: BrowserContextOptions): Promise<void> {
    await this.#close();
    this.#watched = await openPage(started(this.#browser), this.app.url, options);
    this.page.setDefaultTimeout(patience.timeout);
  }

  expectFailure(path: string, what: RegExp): void {
    started(this.#watched).expectFailure(path, what);
  }

  async restartApp(): Promise<void> {
    const { port } = this.app;
    this.#app = await startSampleApp(this.redis.url, this.#appOptions, port);
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  row(id: string): Locator {
    const head = this.page.getByRole('rowheader', { name: id, exact: true });
    return this.page.getByRole('row').filter({ has: head });
  }

  figure(station: 'Primary' | 'Sync worker' | 'Redis' | 'Lookups', term: string): Locator {
    return this.page
      .getByRole('listitem', { name: station })
      .locator('.figure')
      .filter({ has: this.page.getByText(term, { exact: true }) })
      .getByRole('definition');
  }

  get answer(): Locator {
    return this.page.getByRole('region', { name: 'Answer' });
  }

  get result(): Locator {
    return this.page.getByRole('status', { name: 'Result' });
  }

  get log(): Locator {
    return this.page.getByRole('list', { name: 'Activity' });
  }

  get notices(): Locator {
    return this.page.locator('#notices');
  }

  async read(id: string): Promise<void> {
    await this.page.getByLabel('Id', { exact: true }).fill(id);
    await this.button('Read').click();
  }

  get workers(): Locator {
    return this.page.getByRole('list', { name: 'Workers' });
  }

  get sql(): Locator {
    return this.page.getByRole('region', { name: 'What Postgres was told' });
  }

  get letters(): Locator {
    return this.page.getByRole('region', { name: 'Dead letters' });
  }

  /** Resolves when it says so. */
  async says(where: Locator, text: string | RegExp, timeout = patience.timeout): Promise<void> {
    await where.filter({ hasText: text }).first().waitFor({ timeout });
  }

  async #start(): Promise<void> {
    this.#browser = await launchBrowser();
    if (!this.#isLeftAlone) this.#redis = await startTestRedis({ private: true });
    this.#app = await startSampleApp(this.#redis?.url, this.#appOptions);
  }

  async #close(): Promise<void> {
    if (this.#watched === undefined) return;
    await this.#watched.close();
    this.#complaints.push(...this.#watched.complaints());
    this.#watched = undefined;
  }

  async #stop(): Promise<void> {
    await this.#app?.stop();
    await this.#redis?.stop();
    await this.#browser?.close();
  }
}

export function exactly(text: string): RegExp {
  return new RegExp(`^\\s*${text}\\s*$`);
}

export function someCategory(id: string): object {
  return { id, name: 'Some', display_order: 9, featured: false, parent_id: '' };
}

function started<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('It is not started: the hooks of DemoPage.forEachTest() do that.');
  return part;
}
