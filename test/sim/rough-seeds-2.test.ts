import { testSeeds } from './support/seeds.ts';

testSeeds(151, 300);
