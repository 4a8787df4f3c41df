/** All of `items`, at most `limit` at a time; the answers in the order of the items. */
export async function inParallel<T, R>(items: readonly T[], limit: number, run: (item: T) => Promise<R>): Promise<readonly R[]> {
  const answers: R[] = [];
  let next = 0;
  async function worker(): Promise<void> {
    for (let index = next++; index < items.length; index = next++) answers[index] = await run(items[index] as T);
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return answers;
}
