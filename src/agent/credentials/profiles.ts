import { type Profile, paths, type WiringPlan } from '../../core/jobs/wiring.ts';
import { ok } from '../../ports/result.ts';
import { type CredentialsResult, refuse } from './refusal.ts';

/** A connection's own keys, as the shared credentials file names them. */
export type StaticKeys = {
  readonly aws_access_key_id: string;
  readonly aws_secret_access_key: string;
  readonly aws_session_token?: string;
};

/** What the two files are made of. */
export type ProfileValues = {
  /** By profile. */
  readonly keys: ReadonlyMap<string, StaticKeys>;
  /** External IDs by profile. */
  readonly externalIds: ReadonlyMap<string, string>;
};

const profileName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/;
/** No space and neither # nor ; in front, so no comment; nothing that is trimmed; no control character, so no second line. */
const settingValue = /^(?![#;])[\x21-\x7e]+$/;

/**
 * The shared config file: how each profile is had, without any key. The SDKs of all languages read it:
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
export function configFile(plan: WiringPlan, values: ProfileValues): CredentialsResult<string> {
  return sections(plan, plan.profiles, (profile) => {
    const title = profile.name === 'default' ? 'default' : `profile ${profile.name}`;
    return [title, settingsOf(profile, plan.region, values)];
  });
}

/** The shared credentials file: the keys of connections that carry some. */
export function credentialsFile(plan: WiringPlan, values: ProfileValues): CredentialsResult<string> {
  const withKeys = plan.profiles.filter(({ kind }) => kind === 'keys');
  return sections(plan, withKeys, (profile) => [profile.name, Object.entries(values.keys.get(profile.name) ?? {})]);
}

type Settings = readonly (readonly [name: string, value: string])[];

function sections(
  plan: WiringPlan,
  profiles: readonly Profile[],
  make: (profile: Profile) => readonly [string, Settings],
): CredentialsResult<string> {
  const parts: string[] = [];
  for (const profile of profiles) {
    if (!profileName.test(profile.name)) return refuse('profile', 'its name holds characters that a profile cannot have');
    const [title, settings] = make(profile);
    for (const [name, value] of settings) {
      // What is wrong is not shown: it may be a secret.
      if (!settingValue.test(value))
        return refuse(aboutProfile(plan, profile), `${name} holds a line break, a space or what a profile cannot hold`);
    }
    parts.push(`[${title}]\n${settings.map(([name, value]) => `${name} = ${value}\n`).join('')}`);
  }
  return ok(parts.join('\n'));
}

function settingsOf(profile: Profile, region: string, { externalIds }: ProfileValues): Settings {
  const where = ['region', region] as const;
  switch (profile.kind) {
    case 'webIdentity':
      return [['role_arn', profile.roleArn], ['role_session_name', profile.sessionName], ['web_identity_token_file', paths.token], where];
    case 'role': {
      const externalId = externalIds.get(profile.name);
      return [
        ['role_arn', profile.roleArn],
        ['role_session_name', profile.sessionName],
        ['source_profile', 'default'],
        ...(externalId === undefined ? [] : [['external_id', externalId] as const]),
        where,
      ];
    }
    case 'keys':
      return [where];
  }
}

/** `connection orders`, as the job's author knows it, for the connection's own profile and for staging where staging is reached as that connection. */
export function aboutProfile(plan: WiringPlan, profile: Profile): string {
  const own = plan.profiles.find((other) => other.name.startsWith(prefix) && sameSource(other, profile));
  const name = own?.name ?? profile.name;
  return name.startsWith(prefix) ? `connection ${name.slice(prefix.length)}` : `profile ${name}`;
}

const prefix = 'connection-';

function sameSource(one: Profile, other: Profile): boolean {
  return JSON.stringify({ ...one, name: '' }) === JSON.stringify({ ...other, name: '' });
}
