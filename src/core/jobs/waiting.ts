/** Why a job waits, where only somebody's change lets it go on. What passes by itself (a launch under way, no capacity in AWS, a runtime that is being made) is none of these. */
const refusals: ReadonlySet<string> = new Set([
  'ConnectionInvalid',
  'ConnectionNotFound',
  'InvalidPod',
  'InvalidTemplate',
  'LaunchRefused',
  'LimitReached',
  'MinValues',
  'NameTaken',
  'NoOffering',
  'NotAllowedByClass',
  'RuntimeNotFound',
  'TooLarge',
]);

export function isRefusal(waitingReason: string): boolean {
  return refusals.has(waitingReason);
}
