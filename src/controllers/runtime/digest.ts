import { createHash } from 'node:crypto';

/** Of bytes or of a text in UTF-8: 64 hexadecimal digits. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
