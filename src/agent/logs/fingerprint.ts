import { createHash } from 'node:crypto';

/**
 * What a file is known by when its inode has changed (kubelet has compressed it) or its inode's number cannot be trusted (after a restart of the
 * agent): its first bytes. The container runtime begins every line with a time in nanoseconds, so no two files of a container begin alike.
 */
export const fingerprintBytes = 64;

/** `<bytes>:<hash of so many first bytes>` */
export function fingerprint(prefix: Uint8Array): string {
  return `${prefix.length}:${createHash('sha256').update(prefix).digest('hex').slice(0, 32)}`;
}

/** Whether a file that begins with `prefix` is the one that had this fingerprint when it was shorter, or as long. */
export function hasFingerprint(prefix: Uint8Array, wanted: string): boolean {
  const length = Number(wanted.slice(0, wanted.indexOf(':')));
  return length > 0 && length <= prefix.length && fingerprint(prefix.subarray(0, length)) === wanted;
}

export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
