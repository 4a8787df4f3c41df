/* Shapes that the EC2 port takes: a decision makes them, and core imports no port, so they stand here and the port takes them over. */

/** One override of a CreateFleet request, in order of preference. */
export type FleetOffering = {
  readonly instanceType: string;
  readonly zone: string;
  readonly subnetId: string;
  readonly capacityType: 'on-demand' | 'spot';
};

export type CreateFleetRequest = {
  /** Idempotency: the same token and parameters answer the same fleet (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html). */
  readonly clientToken: string;
  readonly launchTemplate: { readonly id: string; readonly version: string };
  /** All of one capacity type: Type instant, TotalTargetCapacity 1, allocation lowest price for on-demand, price-capacity-optimized for spot. Priorities follow the order. */
  readonly offerings: readonly FleetOffering[];
  /** On instance, volume and network interface, at creation. */
  readonly tags: Readonly<Record<string, string>>;
};
