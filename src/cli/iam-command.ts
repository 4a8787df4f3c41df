import { type Command, InvalidArgumentError } from 'commander';
import { runIam } from './iam.ts';
import { type DiffIo, runIamDiff } from './iam-diff.ts';
import type { IamArguments } from './iam-input.ts';

type Flags = {
  readonly filename: readonly string[];
  readonly clusterName?: string;
  readonly oidcProviderArn?: string;
  readonly environment: string;
  readonly namePrefix: string;
  readonly attachUser: readonly string[];
};

/** `iam` and `iam diff`. */
export function addIamCommand(program: Command, io: DiffIo, end: (exitCode: number) => void): void {
  const iam = inputFlags(
    program.command('iam').description('The IAM that runtimes and their jobs need: one CloudFormation template, or its documents.'),
  )
    .option('--format <form>', 'cloudformation (one template) or json (a map of documents by name)', oneOf('cloudformation', 'json'))
    .option('-o, --output <form>', 'yaml or json; json without --format prints the documents', oneOf('yaml', 'json'), 'yaml')
    .action(async (flags: Flags & { readonly format?: 'cloudformation' | 'json'; readonly output: 'yaml' | 'json' }) => {
      const format = flags.format ?? (flags.output === 'json' ? 'json' : 'cloudformation');
      end(await runIam({ ...argumentsOf(flags), format, output: flags.output }, io));
    });
  // What stands after `diff` is its own: each command above it must stop there.
  program.enablePositionalOptions();
  iam.enablePositionalOptions();
  inputFlags(iam.command('diff').description('How an account differs from what iam generates; with your own AWS credentials.'))
    .option('-o, --output <form>', 'table or json', oneOf('table', 'json'), 'table')
    .action(async (flags: Flags & { readonly output: 'table' | 'json' }) => {
      end(await runIamDiff({ ...argumentsOf(flags), output: flags.output }, io));
    })
    .exitOverride();
}

function inputFlags(command: Command): Command {
  return command
    .option(
      '-f, --filename <path>',
      'file, directory or - (repeatable)',
      (value: string, before: readonly string[]) => [...before, value],
      [],
    )
    .option('--cluster-name <name>', "the operator's --cluster-name: value of the tag elasticruntime.dev/cluster")
    .option('--oidc-provider-arn <arn>', "IAM's OIDC provider of the cluster")
    .option('--environment <name>', 'part of the names of keys and data policies', 'production')
    .option('--name-prefix <name>', 'start of the names of keys and data policies', 'elastic')
    .option(
      '--attach-user <user>',
      "IAM user who gets the organization's data access policy: USER or ORGANIZATION=USER (repeatable)",
      (value: string, before: readonly string[]) => [...before, value],
      [],
    );
}

function argumentsOf(flags: Flags): IamArguments {
  const { filename: files, clusterName, oidcProviderArn, environment, namePrefix, attachUser: users } = flags;
  return {
    files,
    environment,
    namePrefix,
    users,
    ...(clusterName !== undefined && { clusterName }),
    ...(oidcProviderArn !== undefined && { oidcProviderArn }),
  };
}

function oneOf<T extends string>(...choices: readonly T[]): (value: string) => T {
  return (value) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw new InvalidArgumentError(`one of ${choices.join(', ')} is needed.`);
    return found;
  };
}
