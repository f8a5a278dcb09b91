import { fileURLToPath } from 'node:url';
import { UsageError, readOptions, usage } from './options.js';
import { startSampleApp } from './sample-app.js';
import { Shutdown } from './shutdown.js';

const shutdown = new Shutdown();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // Whoever asks twice does not want to wait.
    if (shutdown.isRunning) process.exit(130);
    console.log(`${signal}: stopping`);
    void shutdown.run().then(() => process.exit(0));
  });
}

try {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === 'help') {
    console.log(usage);
  } else {
    await startSampleApp(options, {
      environment: process.env,
      projectDirectory: fileURLToPath(new URL('../../..', import.meta.url)),
      pageDirectory: fileURLToPath(new URL('page', import.meta.url)),
      shutdown,
    });
  }
} catch (error) {
  // What a signal interrupts fails, and that is no failure.
  if (!shutdown.isRunning) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(error instanceof UsageError ? `${message}\n\n${usage}` : message);
    await shutdown.run();
    process.exit(error instanceof UsageError ? 2 : 1);
  }
}
