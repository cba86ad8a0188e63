import { describe, expect, jest, test } from '@jest/globals';
import { ArchiveFailedError, type ArchivedEvent, type ArchiveFunction } from 'nestjs-rabbitmq-outbox';
import type { NewEvent } from '../../../lib/event/envelope.js';
import type { OutboxStore } from '../../../lib/store/store.js';
import { eventually } from '../../support/outbox-app.js';
import type { StoreContext } from './context.js';

const MEBI = 1024 * 1024;

interface PruneOptions {
  limit?: number;
  stopping?: AbortSignal;
}

/** A promise and what resolves it. */
function gate() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A function that takes everything. */
function recorder() {
  const calls: ArchivedEvent[][] = [];
  const archive: ArchiveFunction = (events) => void calls.push([...events]);
  return { calls, archive, ids: () => calls.flat().map(({ id }) => id) };
}

export function archiveContract(stores: StoreContext): void {
  const { fixture, open, event, append, numbered, read, rows, settleAll } = stores;

  const publishedLongAgo = async (store: OutboxStore, events: NewEvent[]) => {
    await append(store, ...events);
    const reader = store.openReader();
    for (let found = await read(reader, 1_000); found.length > 0; found = await read(reader, 1_000))
      await settleAll(store, found);
    const ids = events.map(({ id }) => id);
    await fixture().age(ids, 10_000_000);
    return ids;
  };
  const prune = async (store: OutboxStore, { limit = 100, stopping }: PruneOptions = {}) => {
    let sum = 0;
    for await (const count of store.prune(5_000_000, limit, stopping)) sum += count;
    return sum;
  };
  const archivedIds = async () => (await fixture().archived()).map(({ id }) => id);

  describe("archive: 'table'", () => {
    test('has what was pruned, as it was, and nothing else', async () => {
      const store = open({ archive: 'table' });
      const full = event(
        'order.placed',
        {
          key: 'k',
          headers: { tenant: 'acme' },
          exchange: 'other',
          correlationId: 'c',
          expiration: '1d',
          priority: 9,
        },
        Buffer.from([0, 255]),
      );
      await publishedLongAgo(store, [full, event('plain')]);
      const [before] = await rows();
      await append(store, event('pending'));
      expect(await prune(store)).toBe(2);
      expect((await rows()).map(({ type }) => type)).toEqual(['pending']);
      const archived = await fixture().archived();
      expect(archived.map(({ type }) => type)).toEqual(['order.placed', 'plain']);
      expect(archived[0]).toEqual({
        seq: before?.seq,
        id: full.id,
        type: 'order.placed',
        key: 'k',
        payload: full.body,
        content_type: full.contentType,
        headers: JSON.stringify(full.headers),
        exchange: 'other',
        correlation_id: 'c',
        expiration: String(86_400_000),
        priority: 9,
        created_at: before?.createdAt,
        attempts: 0,
        last_error: null,
        errors: null,
        published_at: before?.publishedAt,
        returned: false,
        archived_at: expect.any(Date),
      });
    });

    test('has each event once, however many prune at once and however small their steps', async () => {
      const [one, other] = [open({ archive: 'table' }), open({ archive: 'table' })];
      const ids = await publishedLongAgo(one, numbered(300));
      await Promise.all([one, other].map((store) => prune(store, { limit: 20 })));
      await prune(one);
      expect(await rows()).toEqual([]);
      expect(new Set(await archivedIds())).toEqual(new Set(ids));
      expect(await archivedIds()).toHaveLength(300);
    });

    test('takes an event it has already, as after a restore of the outbox', async () => {
      const store = open({ archive: 'table' });
      const again = event('order.placed');
      await publishedLongAgo(store, [again]);
      await prune(store);
      await publishedLongAgo(store, [again]);
      expect(await prune(store)).toBe(1);
      expect(await archivedIds()).toEqual([again.id, again.id]);
    });

    test('is left alone where nobody asked for it', async () => {
      const store = open();
      await publishedLongAgo(store, numbered(3));
      expect(await prune(store)).toBe(3);
      expect(await archivedIds()).toEqual([]);
    });
  });

  describe('a function that archives', () => {
    test('is handed what will be pruned, oldest first, and the rows go then', async () => {
      const { calls, archive } = recorder();
      const store = open({ archive });
      const full = event('order.placed', { key: 'k', headers: { tenant: 'acme' }, correlationId: 'c' });
      await publishedLongAgo(store, [full, event('plain')]);
      const [before] = await rows();
      await append(store, event('pending'));
      expect(await prune(store)).toBe(2);
      expect(calls.map((events) => events.map(({ type }) => type))).toEqual([['order.placed', 'plain']]);
      expect(calls[0]?.[0]).toEqual({
        seq: before?.seq,
        id: full.id,
        type: 'order.placed',
        key: 'k',
        payload: full.body,
        contentType: full.contentType,
        headers: full.headers,
        exchange: null,
        correlationId: 'c',
        createdAt: before?.createdAt,
        publishedAt: before?.publishedAt,
        returned: false,
      });
      expect((await rows()).map(({ type }) => type)).toEqual(['pending']);
    });

    test('is not called when there is nothing', async () => {
      const { calls, archive } = recorder();
      const store = open({ archive });
      await append(store, event('pending'));
      expect(await prune(store)).toBe(0);
      expect(calls).toEqual([]);
    });

    test('gets no more at once than it can hold: a thousand events, or a few megabytes', async () => {
      const { calls, archive } = recorder();
      const store = open({ archive });
      await publishedLongAgo(store, numbered(1_001));
      await prune(store, { limit: 5_000 });
      expect(calls.map(({ length }) => length)).toEqual([1_000, 1]);
      calls.length = 0;
      const sizes = [5, 5, 9, 1, 3, 3].map((mebibytes) => Buffer.alloc(mebibytes * MEBI));
      const large = sizes.map((bytes, index) => event(`large.${index}`, {}, bytes));
      for (const one of large) await publishedLongAgo(store, [one]);
      expect(await prune(store, { limit: 5_000 })).toBe(6);
      const weights = calls.map((events) => events.map(({ payload }) => payload.length / MEBI));
      expect(weights).toEqual([[5], [5], [9], [1, 3, 3]]);
      expect(await rows()).toEqual([]);
    });

    test('keeps the rows by throwing, and gets them again; what it took before is gone', async () => {
      const { calls, ids, archive } = recorder();
      let failures = 0;
      const store = open({
        archive: (events, context) => {
          if (calls.length > 0 && failures++ === 0) throw new Error('no space left');
          return archive(events, context);
        },
      });
      const all = await publishedLongAgo(store, numbered(15));
      const failing = prune(store, { limit: 10 });
      await expect(failing).rejects.toThrow(ArchiveFailedError);
      await expect(failing).rejects.toThrow(
        'archive did not take 5 published events, which stay in the outbox and are offered again: no space left',
      );
      expect(ids()).toEqual(all.slice(0, 10));
      expect((await rows()).map(({ id }) => id)).toEqual(all.slice(10));
      expect(await prune(store)).toBe(5);
      expect(ids()).toEqual(all);
    });

    test('may reject with whatever it likes', async () => {
      const store = open({
        archive: async () => {
          await Promise.resolve();
          throw 'S3 is away' as unknown;
        },
      });
      await publishedLongAgo(store, numbered(2));
      await expect(prune(store)).rejects.toThrow(/again: S3 is away$/);
      expect(await rows()).toHaveLength(2);
    });

    test('gets, of several processes, what the others have not in hand', async () => {
      const [one, other] = [recorder(), recorder()];
      const [begun, release] = [gate(), gate()];
      const slow: ArchiveFunction = async (events, context) => {
        begun.open();
        await release.opened;
        return one.archive(events, context);
      };
      const [first, second] = [open({ archive: slow }), open({ archive: other.archive })];
      const all = await publishedLongAgo(first, numbered(60));
      const pruning = prune(first, { limit: 20 });
      await begun.opened;
      // Passes over what the first holds, and is through with the rest before that is released.
      expect(await prune(second, { limit: 20 })).toBe(40);
      release.open();
      expect(await pruning).toBe(20);
      expect([...one.ids(), ...other.ids()].toSorted()).toEqual(all.toSorted());
      expect(await rows()).toEqual([]);
    });

    test('gets the rows again when its process has lost the database', async () => {
      const { ids, archive } = recorder();
      const [begun, release] = [gate(), gate()];
      const store = open({
        archive: async (events, context) => {
          await archive(events, context);
          begun.open();
          await release.opened;
        },
      });
      const all = await publishedLongAgo(store, numbered(3));
      const failure = prune(store).catch((error: unknown) => error);
      await begun.opened;
      await fixture().killConnections();
      release.open();
      expect(await failure).toBeInstanceOf(Error);
      expect(await eventually(() => rows().catch(() => undefined))).toHaveLength(3);
      expect(await prune(store)).toBe(3);
      expect(ids()).toEqual([...all, ...all]);
    });

    test('is not waited for at shutdown if it does not end, and its rows stay', async () => {
      const begun = gate();
      const aborted = jest.fn();
      const store = open({
        archive: (_events, { signal }) => {
          signal.addEventListener('abort', aborted);
          begun.open();
          return new Promise(() => undefined);
        },
      });
      await publishedLongAgo(store, numbered(3));
      const stopping = new AbortController();
      const failure = prune(store, { stopping: stopping.signal }).catch((error: unknown) => error);
      await begun.opened;
      expect(aborted).not.toHaveBeenCalled();
      stopping.abort();
      expect(await failure).toBeInstanceOf(ArchiveFailedError);
      expect(aborted).toHaveBeenCalledTimes(1);
      expect(await rows()).toHaveLength(3);
      // Nobody holds them any more.
      expect(await prune(open({ archive: () => undefined }))).toBe(3);
    });
  });
}
