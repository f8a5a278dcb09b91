import { EventEmitter } from 'node:events';
import type { RedisClient } from '../../src/redis/client.js';
import { present } from './present.js';

interface Sent {
  readonly words: readonly string[];
  resolve(reply: unknown): void;
  reject(error: Error): void;
}

/** A client without a server: the test decides when and what is answered. */
export class HandDrivenClient extends EventEmitter implements RedisClient {
  isOpen = true;
  isReady = true;
  readonly sent: Sent[] = [];

  sendCommand(words: readonly string[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.sent.push({ words, resolve, reject });
    });
  }

  /** What is waited for by the command that was sent as the nth, from 0. */
  answer(nth: number): Sent {
    return present(this.sent[nth]);
  }

  duplicate(): RedisClient {
    return new HandDrivenClient();
  }

  connect(): Promise<unknown> {
    this.isReady = true;
    this.emit('ready');
    return Promise.resolve();
  }

  close(): Promise<unknown> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.isOpen = false;
    this.isReady = false;
  }
}
