import { type TortureOptions, parseOptions, usage } from './options.js';
import { Torture } from './torture.js';

const options = optionsOrExit(process.argv.slice(2));
const torture = new Torture(options);
process.on('exit', () => {
  torture.abandon();
});
let isInterrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    isInterrupted = true;
    void torture.close().finally(() => process.exit(130));
  });
}

console.error(`seed ${options.seed}, ${JSON.stringify(options)}`);
void judged().then((isGood) => process.exit(isInterrupted ? 130 : isGood ? 0 : 1));

async function judged(): Promise<boolean> {
  const hasEnded = await torture.run().then(
    () => true,
    (error: unknown) => {
      if (isInterrupted) return false;
      console.error('The run itself failed:', error);
      torture.verdict.accuse('hung', 'the run did not come to its end');
      return false;
    },
  );
  await torture.close();
  if (isInterrupted) return false;
  const { verdict, changes, wasReal } = torture;
  if (!verdict.isClean) console.error(`The seed was ${options.seed}.`);
  if (hasEnded && !wasReal) console.error('Changes, hits, misses or 503 never came, so this shows nothing.');
  console.log(verdict.line(changes));
  return hasEnded && wasReal && verdict.isClean;
}

function optionsOrExit(args: readonly string[]): TortureOptions {
  try {
    return parseOptions(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    return process.exit(2);
  }
}
