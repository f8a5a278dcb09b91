export { MemoryPrimary, type MemoryPrimaryOptions } from './memory-primary.js';
