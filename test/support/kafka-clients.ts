import { Script, constants } from 'node:vm';
import type * as platformatic from '@platformatic/kafka';
import { Kafka, logLevel } from 'kafkajs';
import { type KafkaClient, kafkajsClient, platformaticClient } from '../../src/sources/kafka/index.js';

/** An ES module, which Jest does not load: Node itself has to. */
async function loadPlatformatic(): Promise<typeof platformatic> {
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  const script = new Script(`import('@platformatic/kafka')`, {
    filename: __filename,
    importModuleDynamically,
  });
  return (await script.runInThisContext()) as typeof platformatic;
}

export function kafkaAt(address: string): Kafka {
  const retry = { initialRetryTime: 50, retries: 3 };
  return new Kafka({ brokers: [address], logLevel: logLevel.NOTHING, retry });
}

/** Both clients, by their names. */
export const kafkaClients = {
  kafkajs: (address: string): Promise<KafkaClient> => Promise.resolve(kafkajsClient(kafkaAt(address))),
  '@platformatic/kafka': async (address: string): Promise<KafkaClient> => {
    const { Consumer } = await loadPlatformatic();
    const options = { clientId: 'test', groupId: 'unused', bootstrapBrokers: [address] };
    return platformaticClient(() => new Consumer({ ...options, retries: 1, retryDelay: 50 }));
  },
} as const;
