import { schemas } from '../../api/generated/schemas.ts';
import type { ElasticKind } from '../../api/schema.ts';
import { applyDefaults } from '../../core/validation/defaults.ts';
import { prune } from '../../core/validation/prune.ts';
import { validateObject } from '../../core/validation/validate.ts';
import type { SchemaRules } from './validation.ts';

/** The schemas, defaults and rules of our custom resources, as the real API server gets them from crds/. A kind without a schema takes anything. */
export const elasticRules: SchemaRules = {
  applyDefaults: (kind, object) => (hasSchema(kind) ? applyDefaults(kind, object) : object),
  prune: (kind, object) => (hasSchema(kind) ? prune(kind, object) : object),
  validateObject: (kind, object, old) => (hasSchema(kind) ? validateObject(kind, object, old) : []),
};

function hasSchema(kind: string): kind is ElasticKind {
  return Object.hasOwn(schemas, kind);
}
