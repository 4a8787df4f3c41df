/** Runs `task` for each item, at most `limit` at a time, in order of the list. */
export async function limited<T>(items: readonly T[], limit: number, task: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  async function work(): Promise<void> {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await task(item);
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
}
