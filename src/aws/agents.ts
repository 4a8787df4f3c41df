import { type AgentOptions, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

const OPTIONS: AgentOptions = { keepAlive: true, maxSockets: 50, maxFreeSockets: 20 };

/**
 * Keep-alive agents whose connections forget what they were opened for: Node keeps the options of the request that opens a socket for as long as the
 * socket lives (closures in installListeners of lib/_http_agent.js), headers and so the session token included. They are not read again there.
 */
export function createAgents(): { readonly httpAgent: HttpAgent; readonly httpsAgent: HttpsAgent } {
  return { httpAgent: forgetful(new HttpAgent(OPTIONS)), httpsAgent: forgetful(new HttpsAgent(OPTIONS)) };
}

type WithAddRequest = { addRequest(request: unknown, options: object, ...rest: unknown[]): void };

function forgetful<T extends HttpAgent>(agent: T): T {
  const inner = agent as unknown as WithAddRequest;
  const addRequest = inner.addRequest.bind(agent);
  inner.addRequest = (request, options, ...rest) => addRequest(request, { ...options, headers: undefined }, ...rest);
  return agent;
}
