/** Which rule between pods keeps a pod from a node that could be launched: the term as it was written, the domain, and who or how many are there. */
import { admitsLaunch, spreadMinimum } from './admit.ts';
import type { Classified } from './classes.ts';
import type { BoundSpread, Variant } from './compile.ts';
import { HOSTNAME } from './filters.ts';
import { type Candidate, labelLookup } from './launch.ts';
import type { Ledger, LedgerNode } from './ledger.ts';
import { type Matcher, matchesPod } from './matchers.ts';
import type { LabelSelector, UnschedulableReason } from './problem.ts';
import type { Counter } from './topology.ts';

type Keeps = { readonly reason: UnschedulableReason; readonly phrase: () => string };
type Asked = { readonly ledger: Ledger; readonly classified: Classified; readonly variant: Variant; readonly candidate: Candidate };

/** The first rule that refuses, in the order in which they are judged; undefined where all admit. */
export function keptAway(asked: Asked): Keeps | undefined {
  const { ledger, variant, candidate } = asked;
  const { antiAffinities, affinities } = variant.class.levels[variant.level] as Variant['class']['levels'][number];
  const keeps = (reason: UnschedulableReason, phrase: () => string): Keeps => ({ reason, phrase });
  for (const [at, counter] of variant.avoids.entries())
    if (countAt(counter, candidate) > 0) return keeps('Affinity', () => avoids(asked, antiAffinities[at]?.matcher as Matcher, counter));
  for (const counter of variant.avoidedBy) if (countAt(counter, candidate) > 0) return keeps('Affinity', () => avoidedBy(asked, counter));
  for (const spread of variant.spreads)
    if (!isLabelled(spread.counter, candidate) || skewWith(ledger, spread, candidate) > spread.rule.maxSkew)
      return keeps('TopologySpread', () => spreads(asked, spread));
  for (const [at, { counters, self }] of variant.affinities.entries()) {
    const there = counters.every((counter) => isLabelled(counter, candidate));
    const isMet = counters.every((counter) => countAt(counter, candidate) > 0) || (self && counters.every(({ total }) => total === 0));
    if (!there || !isMet) return keeps('Affinity', () => wants(asked, affinities[at]?.matcher as Matcher, counters));
  }
  return undefined;
}

function domainOf({ table }: Counter, candidate: Candidate): string | undefined {
  return labelLookup(candidate)(table.key);
}

function isLabelled(counter: Counter, candidate: Candidate): boolean {
  return counter.table.key === HOSTNAME || domainOf(counter, candidate) !== undefined;
}

function countIn({ table, byDomain }: Counter, value: string | undefined): number {
  const domain = table.key === HOSTNAME ? undefined : table.index.get(value ?? '');
  return domain === undefined ? 0 : (byDomain[domain] ?? 0);
}

function countAt(counter: Counter, candidate: Candidate): number {
  return countIn(counter, domainOf(counter, candidate));
}

function skewWith(ledger: Ledger, spread: BoundSpread, candidate: Candidate): number {
  const minimum = spread.rule.key === HOSTNAME ? 0 : spreadMinimum(ledger, spread);
  return countAt(spread.counter, candidate) + spread.self - minimum;
}

/** `pod anti-affinity over <key> to pods app=web: z-a has default/web-1`. */
function avoids(asked: Asked, matcher: Matcher, counter: Counter): string {
  const { key } = counter.table;
  const taken = launchable(asked, counter).filter((value) => countIn(counter, value) > 0);
  const whoIs = (value: string) => `${value} has ${whose(asked, value, counter, matcher)}`;
  return `pod anti-affinity over ${key} to ${meant(asked, matcher)}: ${listed(taken.map(whoIs))}`;
}

/** `default/db-1 in z-a has pod anti-affinity over <key> to pods app=web, which this pod is one of`. */
function avoidedBy(asked: Asked, counter: Counter): string {
  const { ledger, classified, candidate } = asked;
  const { key } = counter.table;
  const matcher = ledger.compiled.topology.owners.find((owner) => owner.counter === counter)?.matcher as Matcher;
  const value = domainOf(counter, candidate) ?? '';
  const owns = (node: LedgerNode) =>
    node.existing?.pods.find((pod) =>
      pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.some(
        (term) => term.topologyKey === key && classified.matchers.ofTerms(pod, [term]) === matcher,
      ),
    )?.key;
  const inDomain = ledger.nodes.filter((node) => node.label(key) === value);
  const running = inDomain.map(owns).find((found) => found !== undefined);
  const owner = running ?? plannedIn(ledger, key, value, (one) => one.counted.includes(counter)) ?? 'a pod';
  return `${owner} in ${value} has pod anti-affinity over ${key} to ${meant(asked, matcher)}, which this pod is one of`;
}

/** `topology spread over <key> of pods app=web (maxSkew 1): z-a would have 3, z-b has 1, where no node can be launched for it`. */
function spreads(asked: Asked, spread: BoundSpread): string {
  const { ledger, candidate } = asked;
  const { rule, counter, self } = spread;
  const { domains, table, byDomain } = counter;
  const value = domainOf(counter, candidate);
  const missing =
    rule.minDomains > 1 && domains.length < rule.minDomains ? `, minDomains ${rule.minDomains} of which there are ${domains.length}` : '';
  const what = `topology spread over ${rule.key} of ${meant(asked, rule.matcher)} (maxSkew ${rule.maxSkew}${missing})`;
  if (value === undefined) return `${what}: its nodes have no such label`;
  const would = `${value} would have ${countAt(counter, candidate) + self}`;
  if (missing !== '')
    return `${what}: ${would}, and with fewer domains than minDomains the least counts as 0: let nodes be launched in more, or lower minDomains`;
  const least = spreadMinimum(ledger, spread);
  const others = domains.filter((domain) => (byDomain[domain] ?? 0) === least).map((domain) => table.values[domain] as string);
  const closed = others.filter((other) => !launchable(asked, counter).includes(other));
  const nowhere = closed.length === others.length ? ', where no node can be launched for it: let some be, or raise maxSkew' : '';
  return `${what}: ${would}, ${listed(others.sort())} ${others.length > 1 ? 'have' : 'has'} ${least}${nowhere}`;
}

/** `pod affinity over <key> to pods app=db: z-a has none; z-b has 2, where no node can be launched for it`. */
function wants(asked: Asked, matcher: Matcher, counters: readonly Counter[]): string {
  const { candidate } = asked;
  const keys = [...new Set(counters.map(({ table }) => table.key))];
  const what = `pod affinity over ${keys.join(' and ')} to ${meant(asked, matcher)}`;
  if (counters.every(({ total }) => total === 0))
    return `${what}: no such pod runs or is planned, and this pod is none of them; start one of them first`;
  const unlabelled = counters.find((counter) => !isLabelled(counter, candidate));
  if (unlabelled !== undefined) return `${what}: nodes of it have no label ${unlabelled.table.key}`;
  const counter = counters.find((one) => countAt(one, candidate) === 0) ?? counters[0];
  if (counter === undefined) return what;
  const { table, byDomain } = counter;
  const there = table.values.filter((_, domain) => (byDomain[domain] ?? 0) > 0).sort();
  const isHost = table.key === HOSTNAME;
  const nowhere = !isHost && there.every((value) => !launchable(asked, counter).includes(value));
  const reason = isHost ? ', which has no room' : nowhere ? ', where no node can be launched for it' : '';
  const counts = there.map((value) => `${value} has ${byDomain[table.index.get(value) as number]}`);
  return `${what}: ${isHost ? 'a new node' : domainOf(counter, candidate)} has none; ${listed(counts)}${reason}`;
}

/** Domains in which a node could be launched for the pod, other rules between pods apart. */
function launchable({ ledger, variant }: Asked, counter: Counter): readonly string[] {
  const values = new Set<string>();
  for (const candidate of ledger.space.candidates) {
    const value = domainOf(counter, candidate);
    if (value !== undefined && !values.has(value) && admitsLaunch(ledger, variant.filter, candidate)) values.add(value);
  }
  return [...values].sort();
}

/** One of the pods there, and how many more. */
function whose({ ledger }: Asked, value: string, counter: Counter, matcher: Matcher): string {
  const inDomain = ledger.nodes.filter((node) => node.label(counter.table.key) === value);
  const running = inDomain.flatMap((node) => node.existing?.pods ?? []).find((pod) => matchesPod(matcher, pod.namespace, pod.labels));
  const name = running?.key ?? plannedIn(ledger, counter.table.key, value, ({ class: one }) => one.matched[matcher.id] === 1) ?? 'one';
  const more = countIn(counter, value) - 1;
  return more > 0 ? `${name} and ${more} more` : name;
}

/** The first pod of this plan there that is asked for; pods of a class get their places in the order in which they were placed. */
function plannedIn(ledger: Ledger, key: string, value: string, isMeant: (one: Variant) => boolean): string | undefined {
  const taken = new Map<number, number>();
  for (let at = 0; at < ledger.log.length; at += 2) {
    const variant = ledger.compiled.variants[ledger.log[at] as number] as Variant;
    const { id, pods } = variant.class;
    const before = taken.get(id) ?? 0;
    taken.set(id, before + 1);
    const node = ledger.nodes[ledger.log[at + 1] as number] as LedgerNode;
    if (node.label(key) === value && isMeant(variant)) return ledger.problem.pods[pods[before] as number]?.key;
  }
  return undefined;
}

function meant({ variant }: Asked, { parts }: Matcher): string {
  const own = variant.class.sample.namespace;
  return parts
    .map(({ selector, namespaces }) => {
      const isOwn = namespaces !== undefined && namespaces.size === 1 && namespaces.has(own);
      const where = isOwn
        ? ''
        : namespaces === undefined
          ? ' of all namespaces'
          : ` of namespaces ${[...namespaces].sort().join(', ') || '(none matches)'}`;
      return `${selected(selector)}${where}`;
    })
    .join(' that are ');
}

const MOST = 4;

function listed(texts: readonly string[]): string {
  return texts.length > MOST ? `${texts.slice(0, MOST).join(', ')} and ${texts.length - MOST} more` : texts.join(', ');
}

/** As kubectl takes it: `app=web,tier in (a,b),!legacy`. */
function selected(selector: LabelSelector | undefined): string {
  if (selector === undefined) return 'no pods (the selector is missing)';
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
  });
  const terms = [...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`), ...expressions];
  return terms.length === 0 ? 'all pods' : `pods ${terms.join(',')}`;
}
