/** Shapes that the EC2 port takes; here because a decision makes them and core imports no port. */
export type FleetOffering = {
  readonly instanceType: string;
  readonly zone: string;
  readonly subnetId: string;
  readonly capacityType: 'on-demand' | 'spot';
};

export type CreateFleetRequest = {
  readonly clientToken: string;
  readonly launchTemplate: { readonly id: string; readonly version: string };
  readonly offerings: readonly FleetOffering[];
  readonly tags: Readonly<Record<string, string>>;
};
