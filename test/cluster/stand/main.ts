/** `npm run cluster`: the product on a real control plane and an emulated AWS, to try things by hand. Ends with Ctrl-C. */
import { once } from 'node:events';
import { example, ofKind, paced } from './manifests.ts';
import { startStand } from './stand.ts';

process.stderr.write('Starting etcd, the API server, its controllers, the AWS emulator and the operator…\n');
const stand = await startStand({ nodeAgents: true });
const fitting = await stand.account.fit(paced(example('finance.yaml'), { seconds: 30, idleTimeout: '1m' }));
const file = await stand.file('finance', fitting);
const log = stand.operator.logFile;
const jobs = ofKind<{ readonly metadata: { readonly name: string } }>(fitting, 'ElasticJob').map(({ metadata }) => metadata.name);

process.stdout.write(`
The cluster runs. In another terminal:

  export KUBECONFIG=${stand.controlPlane.kubeconfigPath}
  export PATH=${stand.controlPlane.binaries.kubectl.replace(/\/kubectl$/, '')}:$PATH

  kubectl apply -f ${file}        # a runtime, and the jobs ${jobs.join(', ')}: 30 s each
  kubectl get elastic -A --watch
  kubectl get ejob -n finance ${jobs[0]} -o yaml        # who accesses what as whom: status.accessPlan
  kubectl delete -f ${file}       # leaves nothing behind

The operator's log: ${log}
The AWS emulator, for your own account of things (any keys): aws --endpoint-url ${stand.awsOwnerEndpoint} s3 ls --recursive s3://acme-logs
What each identity did: grep '"audit":true' ${log}

Ctrl-C ends it all.
`);

await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
process.stderr.write('\nEnding…\n');
await stand.stop();
process.exit(0);
