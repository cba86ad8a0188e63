/** Resolves after `ms`, or as soon as one of the signals aborts. Leaves neither timer nor listener behind. */
export function sleep(ms: number, over: readonly AbortSignal[] = []): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const slept = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return settledOrAborted(slept, over).finally(() => clearTimeout(timer));
}

/** Resolves when the work has settled, well or badly, or one of the signals aborts. Leaves no listener behind. */
export function settledOrAborted(work: Promise<unknown>, over: readonly AbortSignal[]): Promise<void> {
  if (over.some(({ aborted }) => aborted)) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      for (const signal of over) signal.removeEventListener('abort', finish);
      resolve();
    };
    for (const signal of over) signal.addEventListener('abort', finish);
    work.then(finish, finish);
  });
}
