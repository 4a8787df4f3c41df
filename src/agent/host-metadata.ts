import { request } from 'node:http';
import type { HostPort, InterruptionNotice } from '../ports/host.ts';
import { err, ok, type Result } from '../ports/result.ts';

/** The instance metadata service, version 2: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html */
export function hostMetadata(options: {
  /** http://169.254.169.254; undefined: there is none. */
  readonly endpoint: string | undefined;
}): Pick<HostPort, 'interruption'> {
  const { endpoint } = options;
  let token: string | undefined;

  async function get(path: string): Promise<Answer> {
    token ??= await fetchToken();
    const answer = await call('GET', path, { 'X-aws-ec2-metadata-token': token });
    if (answer.status === 401) token = undefined;
    return answer;
  }

  async function fetchToken(): Promise<string> {
    const answer = await call('PUT', '/latest/api/token', { 'X-aws-ec2-metadata-token-ttl-seconds': '21600' });
    if (answer.status !== 200) throw new Error(`no metadata token: status ${answer.status}`);
    return answer.body.trim();
  }

  function call(method: string, path: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
    return send(new URL(path, endpoint), method, headers);
  }

  async function notice<T>(path: string, read: (value: T) => InterruptionNotice | undefined): Promise<InterruptionNotice | undefined> {
    const answer = await get(path);
    // 404: nothing is announced.
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw new Error(`${path}: status ${answer.status}`);
    return read(JSON.parse(answer.body) as T);
  }

  return {
    async interruption() {
      if (endpoint === undefined) return err({ kind: 'Unsupported', message: 'there is no instance metadata service' });
      return await attempt(
        async () =>
          (await notice('/latest/meta-data/spot/instance-action', spotNotice)) ??
          (await notice('/latest/meta-data/events/maintenance/scheduled', scheduledNotice)) ??
          (await notice('/latest/meta-data/events/recommendations/rebalance', rebalanceNotice)),
      );
    },
  };
}

type Answer = { readonly status: number; readonly body: string };

const timeoutMs = 2_000;
const longestBody = 65_536;

function send(url: URL, method: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, timeout: timeoutMs }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        body += part;
        if (body.length > longestBody) response.destroy(new Error('the answer is too long'));
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', reject);
    sent.end();
  });
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html */
function spotNotice({ action, time }: { readonly action: string; readonly time: string }): InterruptionNotice {
  return { kind: 'SpotInterruption', ...at(time), detail: action };
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html */
function rebalanceNotice({ noticeTime }: { readonly noticeTime: string }): InterruptionNotice {
  return { kind: 'RebalanceRecommendation', ...at(noticeTime) };
}

type ScheduledEvent = { readonly Code: string; readonly State?: string; readonly NotBefore?: string; readonly Description?: string };

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_scheduled_events.html */
function scheduledNotice(events: readonly ScheduledEvent[]): InterruptionNotice | undefined {
  const coming = events.find(({ State }) => State === undefined || State === 'active');
  if (coming === undefined) return undefined;
  return { kind: 'ScheduledEvent', ...at(coming.NotBefore), detail: `${coming.Code}: ${coming.Description ?? ''}`.slice(0, 1024) };
}

function at(time: string | undefined): { readonly at?: string } {
  const parsed = Date.parse(time ?? '');
  return Number.isNaN(parsed) ? {} : { at: `${new Date(parsed).toISOString().slice(0, 19)}Z` };
}

async function attempt<T>(call: () => Promise<T>): Promise<Result<T, { readonly kind: 'Failed'; readonly message: string }>> {
  try {
    return ok(await call());
  } catch (thrown) {
    return err({ kind: 'Failed', message: thrown instanceof Error ? thrown.message : String(thrown) });
  }
}
