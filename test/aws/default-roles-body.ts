import assert from 'node:assert/strict';
import { defaultRolesTemplate } from '../../src/core/policy/cloudformation/default-roles.ts';

/** The stack of default roles of a runtime, as the operator writes it. */
export function defaultRolesBody(): string {
  const role = (name: string) => ({ roleArn: `arn:aws:iam::111122223333:role/${name}` });
  const location = { uri: 's3://acme-staging/elastic', kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/1' };
  const made = defaultRolesTemplate({
    runtime: {
      metadata: { name: 'scratch', namespace: 'research', uid: '27763973-0000-4000-8000-000000000001' },
      spec: {
        organization: 'acme',
        region: 'us-east-1',
        identities: { agent: role('agent'), operator: role('operator') },
        staging: location,
        logs: location,
      },
    },
    clusterName: 'prod',
    issuer: 'https://oidc.example.com/id/1',
    agent: { managed: ['arn:aws:iam::aws:policy/ReadOnlyAccess'], inline: [] },
  });
  assert.ok(made.ok);
  return made.value.body;
}
