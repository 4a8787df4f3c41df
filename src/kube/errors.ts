import type { KubernetesError } from '../ports/kubernetes.ts';

/** metav1.Status: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
type Status = {
  readonly message?: unknown;
  readonly reason?: unknown;
  readonly code?: unknown;
  readonly details?: { readonly causes?: unknown; readonly retryAfterSeconds?: unknown };
};

/** From the body of a response that is no success; the body may be a Status, or anything that stands before the API server answers. */
export function errorOfResponse(statusCode: number, body: string, retryAfter: string | undefined): KubernetesError {
  const status = parseStatus(body);
  const fallback = `HTTP ${statusCode}${body === '' ? '' : `: ${body.slice(0, 200)}`}`;
  return errorOfStatus({ code: statusCode, ...status }, fallback, seconds(retryAfter));
}

/** From a Status object: of a response, or of an ERROR event in a watch. */
export function errorOfStatus(value: unknown, fallback = 'the server gave no reason', retryAfterSeconds?: number): KubernetesError {
  const status = (typeof value === 'object' && value !== null ? value : {}) as Status;
  const code = typeof status.code === 'number' ? status.code : 500;
  const reason = typeof status.reason === 'string' && status.reason !== '' ? status.reason : undefined;
  const causes = causesOf(status.details?.causes);
  const inDetails = status.details?.retryAfterSeconds;
  const retry = retryAfterSeconds ?? (typeof inDetails === 'number' && inDetails > 0 ? inDetails : undefined);
  return {
    kind: kindOf(code, reason),
    message: typeof status.message === 'string' && status.message !== '' ? status.message : fallback,
    ...(reason === undefined ? {} : { reason }),
    ...(causes.length === 0 ? {} : { causes }),
    ...(retry === undefined ? {} : { retryAfterSeconds: retry }),
  };
}

/** No answer. undici wraps the socket's error; its code says more than its message. */
export function networkError(error: unknown): KubernetesError {
  if (!(error instanceof Error)) return { kind: 'Network', message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code}: ` : '';
  const nested =
    error instanceof AggregateError ? error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join('; ') : '';
  return { kind: 'Network', message: `${code}${error.message === '' ? nested : error.message}` };
}

function kindOf(code: number, reason: string | undefined): KubernetesError['kind'] {
  switch (code) {
    case 401:
      return 'Unauthorized';
    case 403:
      return 'Forbidden';
    case 404:
      return 'NotFound';
    case 409:
      return reason === 'AlreadyExists' ? 'AlreadyExists' : 'Conflict';
    case 410:
      return 'Gone';
    case 429:
      return 'TooManyRequests';
    // The server gave up on a request that it may have carried out.
    case 408:
      return 'Server';
    default:
      return code >= 400 && code < 500 ? 'Invalid' : 'Server';
  }
}

function causesOf(value: unknown): NonNullable<KubernetesError['causes']> {
  if (!Array.isArray(value)) return [];
  return value.map((cause: Readonly<Record<string, unknown>>) => ({
    ...(typeof cause['reason'] === 'string' ? { reason: cause['reason'] } : {}),
    ...(typeof cause['field'] === 'string' ? { field: cause['field'] } : {}),
    ...(typeof cause['message'] === 'string' ? { message: cause['message'] } : {}),
  }));
}

function parseStatus(body: string): object {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status' ? value : {};
  } catch {
    return {};
  }
}

/** The API server writes Retry-After in seconds; a date (RFC 9110 allows one) is none of its own. */
function seconds(header: string | undefined): number | undefined {
  return header !== undefined && /^[0-9]+$/.test(header) ? Number(header) : undefined;
}
