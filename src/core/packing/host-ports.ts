import { ANY_ADDRESS, type HostPort } from './requests.ts';

const PORT = 'host-port:';

export function portName(key: string, address: string): string {
  return `${PORT}${key}/${address}`;
}

export function isPort(name: string): boolean {
  return name.startsWith(PORT);
}

/** A wildcard takes the port on every address; a single address takes it there only, and so also meets the wildcard there. */
export function portsTaken(ports: readonly HostPort[], addresses: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  return ports.flatMap((port) => {
    const key = `${port.protocol}/${port.port}`;
    return port.address === ANY_ADDRESS ? [...(addresses.get(key) ?? [])].map((one) => portName(key, one)) : [portName(key, port.address)];
  });
}

/** What running pods hold of the ports that pending pods ask for. */
export function portsHeld(ports: readonly HostPort[], names: readonly string[]): readonly string[] {
  return names.filter((name) => {
    if (!isPort(name)) return false;
    const [protocol, port, address] = name.slice(PORT.length).split('/');
    return ports.some(
      (held) =>
        held.protocol === protocol &&
        String(held.port) === port &&
        (held.address === ANY_ADDRESS || held.address === address || address === ANY_ADDRESS),
    );
  });
}
