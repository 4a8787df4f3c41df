import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** A port is not taken at once: somebody else who asks meanwhile gets another. */
const handedOut = new Set<number>();

/**
 * Different free TCP ports of an address. Taken from below the range that systems give to outgoing connections (32768 and up on Linux),
 * so that none of those takes a port between this look and its use.
 */
export async function freePorts(count: number, address: string): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = randomInt(20_000, 32_000);
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (await isFree(port, address)) ports.push(port);
  }
  return ports;
}

function isFree(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });
}
