import type { EventRef } from './messages.js';

/** An event without its payload and headers. */
export const eventRef = ({ id, type, key }: EventRef): EventRef => ({ id, type, key });
