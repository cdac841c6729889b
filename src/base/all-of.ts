// Several works at a time, of which one may fail.

/** Waits for all of them, so that nothing is still under way when the first failure is told. */
export async function allOf<T>(works: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(works)
  return Promise.all(works)
}
