import type { Secret } from '../../api/kubernetes.ts';

/** One value of a Secret as text, without the newline that `echo` leaves; undefined where the key is missing or empty. */
export function readSecretKey(secret: Secret, key: string): string | undefined {
  const encoded = secret.data?.[key];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64')
    .toString('utf8')
    .replace(/\r?\n$/, '');
  return text === '' ? undefined : text;
}
