import { assumes, type Case, fleetOf, identified, s3 } from './cases.ts';
import { account, analystOf, judge, judgeCall, region, sessionsOf, type Tenant, tenants, type Who } from './estate.ts';

/** What each foreign case is the counterpart of: the same call by whom it is for. Were nothing allowed at all, these would say so. */
/** The session of a hop may go on to the next role only; the agent's own may not. */
function uncut({ name, principal }: Who): Who {
  return { name, principal };
}

function mirrorOf(of: Tenant): readonly Case[] {
  const { agent, operator, master, worker, masterPod, workerPod, orders, workerNodeAgent, masterNodeAgent } = sessionsOf(of);
  const { namespace, below, key, externalId, roles } = of;
  const tags = operator.principal.tags ?? {};
  const acting = worker.principal.tags ?? {};
  const withKey = { 's3:x-amz-server-side-encryption-aws-kms-key-id': key };
  const viaS3 = { 'kms:ViaService': `s3.${region}.amazonaws.com`, 'kms:CallerAccount': account };
  const pod = (name: string): string => `system:serviceaccount:${namespace}:${of.name}-${name}`;
  const at = (group: string, says: string, decided: () => string): Case => ({ group, says: `${namespace}: ${says}`, decided });
  const job = `${below}/jobs/nightly-1/1`;
  return [
    at('EC2 of others', 'master ends its instance', () => judgeCall(master, 'ec2.terminateInstances', { instanceIds: [`i-${namespace}`] })),
    at('EC2 of others', 'worker grows its volume', () =>
      judgeCall(worker, 'ec2.modifyVolume', { volumeId: `vol-${namespace}`, sizeGiB: 9 }),
    ),
    at('EC2 of others', 'operator deletes its template', () => judgeCall(operator, 'ec2.deleteLaunchTemplate', { id: `lt-${namespace}` })),
    at('launches', 'master launches', () => judgeCall(master, 'ec2.createFleet', fleetOf(of))),
    at('launches', 'operator makes a template', () => judgeCall(operator, 'ec2.createLaunchTemplate', { name: 'n', tags: of.tags })),
    at('tag rewriting', 'master tags what it launches', () =>
      judge(master, 'ec2:CreateTags', `arn:aws:ec2:${region}:${account}:instance/*`, {
        'ec2:CreateAction': 'CreateFleet',
        'aws:TagKeys': Object.keys(of.tags),
        ...Object.fromEntries(Object.entries(of.tags).map(([name, value]) => [`aws:RequestTag/${name}`, value])),
      }),
    ),
    at('EC2 from pods and nodes', 'master, as the operator pod, passes the node role', () =>
      judge(master, 'iam:PassRole', roles.node, { 'iam:PassedToService': 'ec2.amazonaws.com' }),
    ),
    at('objects of others', 'worker pod reads staging', () => judge(workerPod, 's3:GetObject', s3(`staging/${job}/stage/part-0`))),
    at('objects of others', 'worker pod writes staging', () =>
      judge(workerPod, 's3:PutObject', s3(`staging/${job}/stage/part-0`), withKey),
    ),
    at('objects of others', 'worker pod lists staging', () =>
      judge(workerPod, 's3:ListBucket', s3('staging'), { 's3:prefix': `${below}/` }),
    ),
    at('listings', 'worker pod lists staging', () => judge(workerPod, 's3:ListBucket', s3('staging'), { 's3:prefix': `${below}/` })),
    at('listings', 'agent lists logs', () => judge(agent, 's3:ListBucket', s3('logs'), { 's3:prefix': `${below}/jobs/` })),
    at('listings', 'an analyst lists staging', () =>
      judge(analystOf(of), 's3:ListBucket', s3('staging'), { 's3:prefix': `elastic/${of.organization}/` }),
    ),
    at('listings', 'worker pod lists its target', () =>
      judge(workerPod, 's3:ListBucket', s3(`${namespace}-lake`), { 's3:prefix': 'out/' }),
    ),
    at('listings', 'the connection role lists its source', () =>
      judge(orders, 's3:ListBucket', s3(`${namespace}-orders`), { 's3:prefix': 'raw/' }),
    ),
    at('objects of others', "worker node's agent writes logs", () =>
      judge(workerNodeAgent, 's3:PutObject', s3(`logs/${job}/worker/n/p/0.log`), withKey),
    ),
    at('objects of others', "master node's agent writes logs", () =>
      judge(masterNodeAgent, 's3:PutObject', s3(`logs/${job}/master/n/p/0.log`), withKey),
    ),
    at('objects of others', 'agent reads logs', () => judge(agent, 's3:GetObject', s3(`logs/${job}/worker/n/p/0.log`))),
    at('objects of others', 'agent writes the job log', () => judge(agent, 's3:PutObject', s3(`logs/${job}/agent/agent.log`), withKey)),
    at('objects of others', 'operator stores dependencies', () =>
      judge(operator, 's3:PutObject', s3(`staging/${below}/jobs/nightly-1/deps/a`), withKey),
    ),
    at('objects of others', 'master reads the init script', () => judge(master, 's3:GetObject', s3(`platform/${namespace}/init.sh`))),
    at('objects of others', 'the connection role reads its source', () => judge(orders, 's3:GetObject', s3(`${namespace}-orders/raw/x`))),
    at('objects of others', 'worker pod writes its target', () => judge(workerPod, 's3:PutObject', s3(`${namespace}-lake/out/x`))),
    at('keys', 'worker pod encrypts in staging', () =>
      judge(workerPod, 'kms:GenerateDataKey', key, { ...viaS3, 'kms:EncryptionContext:aws:s3:arn': s3(`staging/${job}/stage/part-0`) }),
    ),
    at('keys', 'worker pod decrypts from staging', () =>
      judge(workerPod, 'kms:Decrypt', key, { ...viaS3, 'kms:EncryptionContext:aws:s3:arn': s3('staging') }),
    ),
    at('own roles', 'agent becomes operator', () => assumes({ who: uncut(agent), target: roles.operator, tags, externalId })),
    at('own roles', 'operator becomes master', () => assumes({ who: operator, target: roles.master, tags: acting })),
    at('roles of others', 'operator becomes worker', () => assumes({ who: operator, target: roles.worker, tags: acting })),
    at('roles of others', 'worker pod becomes the connection role', () => assumes({ who: workerPod, target: roles.orders })),
    at('tokens', 'the agent account becomes agent', () =>
      identified(roles.agent, `system:serviceaccount:elastic-agents:${namespace}.${of.name}`),
    ),
    at('tokens', 'worker pods become worker', () => identified(roles.worker, pod('worker'))),
    at('tokens', 'a driver becomes worker', () => identified(roles.worker, pod('master'))),
    at('tokens', 'master pods become master', () => identified(roles.master, pod('master'))),
    at('secrets of others', 'worker reads a parameter', () =>
      judgeCall(worker, 'ssm.getParameter', { name: `/${of.organization}/${namespace}/db` }),
    ),
    at('secrets of others', 'worker reads a secret', () =>
      judgeCall(worker, 'secretsManager.getSecretValue', { secretId: `${of.organization}/${namespace}/db-AbCdEf` }),
    ),
    at('EC2 from pods and nodes', 'master pod stores master logs', () =>
      judge(masterPod, 's3:PutObject', s3(`logs/${job}/master/x`), withKey),
    ),
  ];
}

export const mirrorCases: readonly Case[] = tenants.flatMap(mirrorOf);
