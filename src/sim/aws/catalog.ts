/**
 * A trimmed catalog of us-east-1: general families (c, m, r; large to 8xlarge; x86 and arm), in the form that the catalog parser of
 * core/packing takes. On-demand prices and facts are AWS's; nobody publishes spot prices with them, so they are a flat share.
 */
export type CatalogEntry = {
  readonly name: string;
  readonly arch: readonly string[];
  readonly vcpu: number;
  readonly memoryMiB: number;
  readonly maxPods: number;
  readonly ebsMaxAttachments: number;
  readonly gpus: number;
  readonly nvmeGiB: number;
  readonly burstable: boolean;
  readonly bareMetal: boolean;
  readonly hypervisor: string;
  readonly onDemandUsdPerHour: number;
  readonly spotUsdPerHour: number;
};

export type SimulatedCatalog = { readonly region: string; readonly zones: readonly string[]; readonly types: readonly CatalogEntry[] };

const spotShare = 0.35;

type Row = readonly [
  name: string,
  arch: string,
  vcpu: number,
  memoryMiB: number,
  maxPods: number,
  ebsMaxAttachments: number,
  usdPerHour: number,
];

const rows: readonly Row[] = [
  ['c6a.large', 'x86_64', 2, 4096, 29, 27, 0.0765],
  ['c6a.xlarge', 'x86_64', 4, 8192, 58, 27, 0.153],
  ['c6a.2xlarge', 'x86_64', 8, 16384, 58, 27, 0.306],
  ['c6a.4xlarge', 'x86_64', 16, 32768, 234, 27, 0.612],
  ['c6a.8xlarge', 'x86_64', 32, 65536, 234, 27, 1.224],
  ['c7i.large', 'x86_64', 2, 4096, 29, 32, 0.08925],
  ['c7i.xlarge', 'x86_64', 4, 8192, 58, 32, 0.1785],
  ['c7i.2xlarge', 'x86_64', 8, 16384, 58, 32, 0.357],
  ['c7i.4xlarge', 'x86_64', 16, 32768, 234, 32, 0.714],
  ['c7i.8xlarge', 'x86_64', 32, 65536, 234, 32, 1.428],
  ['m6a.large', 'x86_64', 2, 8192, 29, 27, 0.0864],
  ['m6a.xlarge', 'x86_64', 4, 16384, 58, 27, 0.1728],
  ['m6a.2xlarge', 'x86_64', 8, 32768, 58, 27, 0.3456],
  ['m6a.4xlarge', 'x86_64', 16, 65536, 234, 27, 0.6912],
  ['m6a.8xlarge', 'x86_64', 32, 131072, 234, 27, 1.3824],
  ['m7i.large', 'x86_64', 2, 8192, 29, 32, 0.1008],
  ['m7i.xlarge', 'x86_64', 4, 16384, 58, 32, 0.2016],
  ['m7i.2xlarge', 'x86_64', 8, 32768, 58, 32, 0.4032],
  ['m7i.4xlarge', 'x86_64', 16, 65536, 234, 32, 0.8064],
  ['m7i.8xlarge', 'x86_64', 32, 131072, 234, 32, 1.6128],
  ['r6a.large', 'x86_64', 2, 16384, 29, 27, 0.1134],
  ['r6a.xlarge', 'x86_64', 4, 32768, 58, 27, 0.2268],
  ['r6a.2xlarge', 'x86_64', 8, 65536, 58, 27, 0.4536],
  ['r6a.4xlarge', 'x86_64', 16, 131072, 234, 27, 0.9072],
  ['r6a.8xlarge', 'x86_64', 32, 262144, 234, 27, 1.8144],
  ['r7i.large', 'x86_64', 2, 16384, 29, 32, 0.1323],
  ['r7i.xlarge', 'x86_64', 4, 32768, 58, 32, 0.2646],
  ['r7i.2xlarge', 'x86_64', 8, 65536, 58, 32, 0.5292],
  ['r7i.4xlarge', 'x86_64', 16, 131072, 234, 32, 1.0584],
  ['r7i.8xlarge', 'x86_64', 32, 262144, 234, 32, 2.1168],
  ['c7g.large', 'arm64', 2, 4096, 29, 27, 0.0725],
  ['c7g.xlarge', 'arm64', 4, 8192, 58, 27, 0.145],
  ['c7g.2xlarge', 'arm64', 8, 16384, 58, 27, 0.29],
  ['c7g.4xlarge', 'arm64', 16, 32768, 234, 27, 0.58],
  ['c7g.8xlarge', 'arm64', 32, 65536, 234, 27, 1.16],
  ['m7g.large', 'arm64', 2, 8192, 29, 27, 0.0816],
  ['m7g.xlarge', 'arm64', 4, 16384, 58, 27, 0.1632],
  ['m7g.2xlarge', 'arm64', 8, 32768, 58, 27, 0.3264],
  ['m7g.4xlarge', 'arm64', 16, 65536, 234, 27, 0.6528],
  ['m7g.8xlarge', 'arm64', 32, 131072, 234, 27, 1.3056],
  ['r8g.large', 'arm64', 2, 16384, 29, 32, 0.11782],
  ['r8g.xlarge', 'arm64', 4, 32768, 58, 32, 0.23564],
  ['r8g.2xlarge', 'arm64', 8, 65536, 58, 32, 0.47128],
  ['r8g.4xlarge', 'arm64', 16, 131072, 234, 32, 0.94256],
  ['r8g.8xlarge', 'arm64', 32, 262144, 234, 32, 1.88512],
];

/** The same types and prices in every region: a simulated region differs by its name only. */
export function simulatedCatalog(region = 'us-east-1'): SimulatedCatalog {
  return { region, zones: ['a', 'b', 'c'].map((letter) => `${region}${letter}`), types: rows.map(entryOf) };
}

function entryOf([name, arch, vcpu, memoryMiB, maxPods, ebsMaxAttachments, usdPerHour]: Row): CatalogEntry {
  return {
    name,
    arch: [arch],
    vcpu,
    memoryMiB,
    maxPods,
    ebsMaxAttachments,
    gpus: 0,
    nvmeGiB: 0,
    burstable: false,
    bareMetal: false,
    hypervisor: 'nitro',
    onDemandUsdPerHour: usdPerHour,
    spotUsdPerHour: Math.round(usdPerHour * spotShare * 10_000) / 10_000,
  };
}
