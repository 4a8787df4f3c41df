import type { AwsResult } from '../../ports/aws/index.ts';
import { ok } from '../../ports/result.ts';

/** All pages of a describe, each one call (and one audit record) of its own; the first failure is the answer. */
export async function allPages<Page extends { readonly NextToken?: string | undefined }, Item>(
  fetchPage: (nextToken: { readonly NextToken?: string }) => Promise<AwsResult<Page>>,
  itemsOf: (page: Page) => readonly Item[],
): Promise<AwsResult<readonly Item[]>> {
  const items: Item[] = [];
  let nextToken: { readonly NextToken?: string } = {};
  for (;;) {
    const page = await fetchPage(nextToken);
    if (!page.ok) {
      return page;
    }
    items.push(...itemsOf(page.value));
    if (!page.value.NextToken) {
      return ok(items);
    }
    nextToken = { NextToken: page.value.NextToken };
  }
}
