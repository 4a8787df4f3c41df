import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { Pod } from '../../src/api/kubernetes.ts';
import type { WatchEvent } from '../../src/ports/kubernetes.ts';
import { pods } from '../../src/ports/resources.ts';
import { refuse, serve } from './server.ts';

const object = (name: string, resourceVersion: number) => ({
  metadata: {
    name,
    namespace: 'team',
    uid: `uid-${name}`,
    resourceVersion: String(resourceVersion),
    creationTimestamp: '',
    managedFields: [],
  },
  spec: { containers: [] },
});

function line(type: string, value: unknown): string {
  return `${JSON.stringify({ type, object: value })}\n`;
}

function summary(event: WatchEvent<Pod>): string {
  switch (event.type) {
    case 'Bookmark':
      return `Bookmark ${event.resourceVersion}`;
    case 'Error':
      return `Error ${event.error.kind} ${event.error.message}`;
    case 'Added':
    case 'Modified':
    case 'Deleted':
      return `${event.type} ${event.object.metadata.name} ${event.object.metadata.resourceVersion}`;
  }
}

test('a stream in arbitrary pieces, with characters cut in two', async (context) => {
  const text =
    line('ADDED', object('a', 11)) +
    line('MODIFIED', {
      ...object('b', 12),
      metadata: { ...object('b', 12).metadata, labels: { 'a/b': 'žluť' }, annotations: { note: '🐎🐎' } },
    }) +
    line('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '40' } }) +
    line('DELETED', object('a', 41));
  const { connection, received } = await serve(context, async (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 7) {
      response.write(bytes.subarray(at, at + 7));
      if (at % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  });
  const events: WatchEvent<Pod>[] = [];
  const result = await connection.port.watch(
    pods,
    { namespace: 'team', labelSelector: 'x=y', resourceVersion: '10', timeoutSeconds: 300 },
    (event) => events.push(event),
    new AbortController().signal,
  );
  assert.deepEqual(result, { ok: true, value: undefined });
  assert.deepEqual(events.map(summary), ['Added a 11', 'Modified b 12', 'Bookmark 40', 'Deleted a 41']);
  const second = events[1];
  assert.ok(second?.type === 'Modified');
  assert.equal(second.object.metadata.annotations?.['note'], '🐎🐎');
  assert.ok(!('managedFields' in second.object.metadata));
  assert.equal(received[0]?.url.pathname, '/base/api/v1/namespaces/team/pods');
  assert.deepEqual(Object.fromEntries(received[0]?.url.searchParams ?? []), {
    watch: 'true',
    allowWatchBookmarks: 'true',
    labelSelector: 'x=y',
    resourceVersion: '10',
    timeoutSeconds: '300',
  });
});

test('an ERROR event is handed on as the error that it is', async (context) => {
  const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version: 1 (2)' };
  const { connection } = await serve(context, (_request, response) => {
    response.writeHead(200);
    response.end(line('ADDED', object('a', 11)) + line('ERROR', status));
  });
  const events: string[] = [];
  const result = await connection.port.watch(
    pods,
    { resourceVersion: '1' },
    (event) => events.push(summary(event)),
    new AbortController().signal,
  );
  assert.ok(result.ok);
  assert.deepEqual(events, ['Added a 11', 'Error Gone too old resource version: 1 (2)']);
});

test('a watch that cannot be opened says why', async (context) => {
  const { connection } = await serve(context, (_request, response) => refuse(response, 410, 'Expired'));
  const result = await connection.port.watch(pods, { resourceVersion: '1' }, () => {}, new AbortController().signal);
  assert.ok(!result.ok && result.error.kind === 'Gone');
});

test('a connection that breaks is an error, after the events that came', async (context) => {
  const { connection } = await serve(context, (_request, response) => {
    response.writeHead(200);
    response.write(line('ADDED', object('a', 11)), () => response.destroy());
  });
  const events: string[] = [];
  const result = await connection.port.watch(
    pods,
    { resourceVersion: '1' },
    (event) => events.push(summary(event)),
    new AbortController().signal,
  );
  assert.ok(!result.ok && result.error.kind === 'Network');
  assert.deepEqual(events, ['Added a 11']);
});

test('half a line at an orderly end, or a foreign text in the stream, is an error and ends it', async (context) => {
  for (const text of [
    line('ADDED', object('a', 11)) + line('ADDED', object('b', 12)).slice(0, 30),
    `${line('ADDED', object('a', 11))}<html>\n${line('ADDED', object('b', 12))}`,
  ]) {
    const { connection } = await serve(context, (_request, response) => {
      response.writeHead(200);
      response.end(text);
    });
    const events: string[] = [];
    const result = await connection.port.watch(
      pods,
      { resourceVersion: '1' },
      (event) => events.push(summary(event)),
      new AbortController().signal,
    );
    assert.ok(!result.ok && result.error.kind === 'Network');
    assert.deepEqual(events, ['Added a 11']);
  }
});

test('abort ends it without an error, closes the connection and delivers nothing more', async (context) => {
  let closed: () => void = () => {};
  const gone = new Promise<void>((resolve) => (closed = resolve));
  let stream: ServerResponse | undefined;
  const { connection } = await serve(context, (_request, response) => {
    stream = response;
    response.on('close', closed);
    response.writeHead(200);
    response.write(line('ADDED', object('a', 11)) + line('ADDED', object('b', 12)));
  });
  const abort = new AbortController();
  const events: string[] = [];
  const result = await connection.port.watch(
    pods,
    { resourceVersion: '1' },
    (event) => {
      events.push(summary(event));
      abort.abort();
    },
    abort.signal,
  );
  assert.ok(result.ok);
  await gone;
  stream?.destroy();
  assert.deepEqual(events, ['Added a 11']);
  const before = await connection.port.watch(pods, { resourceVersion: '1' }, () => assert.fail(), abort.signal);
  assert.ok(before.ok);
});

test('watches take no request’s place', async (context) => {
  const { connection, connections } = await serve(
    context,
    (request, response) => {
      response.writeHead(200);
      if (request.url.searchParams.get('watch') === 'true') response.write(line('BOOKMARK', { metadata: { resourceVersion: '5' } }));
      else response.end(JSON.stringify(object('p', 1)));
    },
    { concurrency: 2 },
  );
  const abort = new AbortController();
  let open = 0;
  const opened = new Promise<void>((resolve) => {
    for (let index = 0; index < 10; index++) {
      void connection.port.watch(
        pods,
        { resourceVersion: '1' },
        () => {
          open += 1;
          if (open === 10) resolve();
        },
        abort.signal,
      );
    }
  });
  await opened;
  const results = await Promise.all(Array.from({ length: 20 }, () => connection.port.get(pods, { namespace: 'team', name: 'p' })));
  assert.ok(results.every((result) => result.ok));
  assert.equal(connections(), 12);
  abort.abort();
});
