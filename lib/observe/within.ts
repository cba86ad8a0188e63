/** What became of some work within its time: its value, or the error. A late answer is an error, and then ignored. */
export type InTime<T> = { readonly value: T } | { readonly error: Error };

export async function within<T>(timeout: number, work: Promise<T>): Promise<InTime<T>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<InTime<T>>((resolve) => {
    timer = setTimeout(() => resolve({ error: new Error(`no answer within ${timeout} ms`) }), timeout);
  });
  const settled = work.then(
    (value): InTime<T> => ({ value }),
    (error: unknown): InTime<T> => ({ error: error instanceof Error ? error : new Error(String(error)) }),
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}
