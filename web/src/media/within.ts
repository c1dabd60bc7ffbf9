// A promise that is not waited for longer than makes sense.

/** Fails with what `late` says if it takes longer. */
export function within<T>(ms: number, work: Promise<T>, late: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(late)), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
