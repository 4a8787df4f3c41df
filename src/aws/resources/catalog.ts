import type { At, OpenedService, ResourceParts } from './kind.ts';

export async function glue({ config }: ResourceParts): Promise<OpenedService> {
  const { GetDatabaseCommand, GetTableCommand, GlueClient } = await import('@aws-sdk/client-glue');
  const client = new GlueClient(config);
  return {
    client,
    calls: {
      'glue:GetDatabase': (at, options) => client.send(new GetDatabaseCommand(inCatalog(at)), options),
      'glue:GetTable': (at, options) => {
        const database = inCatalog({ ...at, resource: at.resource.slice(0, at.resource.lastIndexOf('/')) });
        const input = { CatalogId: database.CatalogId, DatabaseName: database.Name, Name: inCatalog(at).Name };
        return client.send(new GetTableCommand(input), options);
      },
    },
  };
}

/** A catalog in the account's: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-catalogs.html */
function inCatalog({ account, resource }: At): { readonly CatalogId: string; readonly Name: string } {
  const [, ...path] = resource.split('/');
  const catalog = path.slice(0, -1).join('/');
  return { CatalogId: catalog === '' ? account : `${account}:${catalog}`, Name: path.at(-1) ?? '' };
}
