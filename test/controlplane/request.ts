import { Agent, request as httpsRequest } from 'node:https';

export interface Credentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Answer {
  readonly status: number;
  /** The parsed JSON, else the text. */
  readonly body: unknown;
}

/** Whom a call is made as, by the leave of the one whose credentials are used. */
export interface Impersonated {
  readonly user: string;
  readonly groups?: readonly string[];
  /** What an authenticator would say beside, one value a key. */
  readonly extra?: Readonly<Record<string, string>>;
}

/** Calls to one API server as one user, over connections that are kept. */
export interface ApiClient {
  /**
   * @param path with its query
   * @param body sent as JSON (PATCH: as a merge patch)
   * @returns every answer, whatever its status
   * @throws where no answer comes
   */
  call(method: string, path: string, body?: unknown, as?: Impersonated): Promise<Answer>;
  close(): void;
}

export function apiClient(endpoint: string, credentials: Credentials): ApiClient {
  const agent = new Agent({ ...credentials, keepAlive: true });
  function send(method: string, path: string, body: unknown, as: Impersonated | undefined, again: boolean): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const headers = {
        ...(body !== undefined && { 'content-type': type }),
        ...(as !== undefined && impersonation(as)),
      };
      const request = httpsRequest(endpoint + path, { method, agent, headers, timeout: 30_000 }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parse(text) }));
      });
      request.on('timeout', () => request.destroy(new Error(`${method} ${path}: no answer`)));
      request.on('error', (error: NodeJS.ErrnoException) => {
        // A server closes connections that are idle, maybe as a request goes out on one.
        if (again && request.reusedSocket && error.code === 'ECONNRESET') resolve(send(method, path, body, as, false));
        else reject(error);
      });
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
  return {
    call: (method, path, body, as) => send(method, path, body, as, true),
    close: () => agent.destroy(),
  };
}

function impersonation({ user, groups, extra = {} }: Impersonated): Record<string, string | string[]> {
  // The API server takes header names in small letters; what is escaped it reads afterwards.
  const escaped = (key: string) => key.replaceAll(/[A-Z]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`);
  return {
    'impersonate-user': user,
    ...(groups && { 'impersonate-group': [...groups] }),
    ...Object.fromEntries(Object.entries(extra).map(([key, value]) => [`impersonate-extra-${escaped(key)}`, value])),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
