/** A column of the covering LP: so many of each row, at a cost. */
export type Column = { readonly cost: number; readonly rows: Int32Array; readonly values: Float64Array };

/**
 * min cost·x, A x >= demand, x >= 0, over columns that arrive while it is solved. Revised primal simplex with an explicit inverse:
 * rows are kinds of pods (at most some hundred), columns are many and sparse, and the duals after each pivot price the next column.
 */
export type Simplex = {
  readonly size: number;
  readonly columns: Column[];
  /** Column in each basis position; -1 - row = the surplus of that row. */
  readonly basis: Int32Array;
  readonly inverse: Float64Array;
  readonly x: Float64Array;
  readonly duals: Float64Array;
  pivots: number;
};

const TOLERANCE = 1e-9;

/**
 * Starts from columns that each cover their own row only: `start[row]` covers `row` with `values[0]`. A row without one starts at its
 * surplus: its demand is not above 0, which makes it a limit on what the columns take together.
 */
export function startSimplex(start: readonly (Column | undefined)[], demand: Float64Array): Simplex {
  const size = start.length;
  const inverse = new Float64Array(size * size);
  const x = new Float64Array(size);
  const columns: Column[] = [];
  const basis = new Int32Array(size);
  for (const [row, column] of start.entries()) {
    const value = column === undefined ? -1 : (column.values[0] as number);
    inverse[row * size + row] = 1 / value;
    x[row] = (demand[row] as number) / value;
    basis[row] = column === undefined ? -1 - row : columns.push(column) - 1;
  }
  const simplex: Simplex = {
    size,
    columns,
    basis,
    inverse,
    x,
    duals: new Float64Array(size),
    pivots: 0,
  };
  updateDuals(simplex);
  return simplex;
}

export function reducedCost(simplex: Simplex, column: Column): number {
  let value = column.cost;
  const { rows, values } = column;
  for (let at = 0; at < rows.length; at++) value -= (simplex.duals[rows[at] as number] as number) * (values[at] as number);
  return value;
}

function costAt(simplex: Simplex, position: number): number {
  const column = simplex.basis[position] as number;
  return column < 0 ? 0 : (simplex.columns[column] as Column).cost;
}

/** What the columns in the basis cost at their parts. */
export function priceOf(simplex: Simplex): number {
  let usd = 0;
  for (let position = 0; position < simplex.size; position++) usd += costAt(simplex, position) * (simplex.x[position] as number);
  return usd;
}

function updateDuals(simplex: Simplex): void {
  const { size, inverse, duals } = simplex;
  duals.fill(0);
  for (let position = 0; position < size; position++) {
    const cost = costAt(simplex, position);
    if (cost === 0) continue;
    for (let row = 0, at = position * size; row < size; row++, at++) duals[row] = (duals[row] as number) + cost * (inverse[at] as number);
  }
}

/** Brings a column (an index, or -1 - row for a surplus) into the basis. False where it would not change anything. */
export function enter(simplex: Simplex, index: number): boolean {
  const { size, inverse, x } = simplex;
  const direction = new Float64Array(size);
  if (index < 0) {
    const row = -1 - index;
    for (let position = 0; position < size; position++) direction[position] = -(inverse[position * size + row] as number);
  } else {
    const { rows, values } = simplex.columns[index] as Column;
    for (let position = 0; position < size; position++) {
      let sum = 0;
      const offset = position * size;
      for (let at = 0; at < rows.length; at++) sum += (inverse[offset + (rows[at] as number)] as number) * (values[at] as number);
      direction[position] = sum;
    }
  }
  let leaving = -1;
  let step = Number.POSITIVE_INFINITY;
  for (let position = 0; position < size; position++) {
    const rate = direction[position] as number;
    if (rate <= 1e-7) continue;
    const ratio = Math.max(0, x[position] as number) / rate;
    // Of equal ratios the larger pivot: it keeps the inverse accurate.
    if (ratio < step - TOLERANCE || (ratio <= step + TOLERANCE && leaving >= 0 && rate > (direction[leaving] as number))) {
      step = Math.min(step, ratio);
      leaving = position;
    }
  }
  if (leaving < 0) return false;
  pivot(simplex, index, leaving, direction, step);
  return true;
}

function pivot(simplex: Simplex, index: number, leaving: number, direction: Float64Array, step: number): void {
  const { size, inverse, x } = simplex;
  const pivotValue = direction[leaving] as number;
  const pivotRow = leaving * size;
  // Most of the row is 0 while the basis is near its start.
  const filled: number[] = [];
  for (let row = 0; row < size; row++) {
    const value = inverse[pivotRow + row] as number;
    if (value === 0) continue;
    inverse[pivotRow + row] = value / pivotValue;
    filled.push(row);
  }
  for (let position = 0; position < size; position++) {
    const rate = direction[position] as number;
    if (position === leaving || rate === 0) continue;
    x[position] = (x[position] as number) - rate * step;
    const offset = position * size;
    for (let at = 0; at < filled.length; at++) {
      const row = filled[at] as number;
      inverse[offset + row] = (inverse[offset + row] as number) - rate * (inverse[pivotRow + row] as number);
    }
  }
  x[leaving] = step;
  simplex.basis[leaving] = index;
  simplex.pivots += 1;
  updateDuals(simplex);
}

// How many promising columns are kept between two looks at all of them.
const SHORT_LIST = 40;

/** Pivots over the columns that are there until none improves, at most `most` times. */
export function optimise(simplex: Simplex, most: number): void {
  let list: number[] = [];
  for (let count = 0; count < most; ) {
    if (list.length === 0) list = promising(simplex);
    if (list.length === 0) return;
    const entering = steepest(simplex, list);
    if (entering === undefined) {
      list = [];
      continue;
    }
    list = list.filter((index) => index !== entering);
    if (enter(simplex, entering)) count += 1;
    else if (list.length === 0) return;
  }
}

function relativeCost(simplex: Simplex, index: number): number {
  if (index < 0) return simplex.duals[-1 - index] as number;
  const column = simplex.columns[index] as Column;
  return reducedCost(simplex, column) / (column.cost || 1);
}

/** Columns that improve, and surpluses where none does, best first. */
function promising(simplex: Simplex): number[] {
  const found: { readonly index: number; readonly cost: number }[] = [];
  for (let index = 0; index < simplex.columns.length; index++) {
    const cost = relativeCost(simplex, index);
    if (cost < -1e-7) found.push({ index, cost });
  }
  if (found.length === 0) {
    for (let row = 0; row < simplex.size; row++) if ((simplex.duals[row] as number) < -TOLERANCE) found.push({ index: -1 - row, cost: 0 });
  }
  found.sort((left, right) => left.cost - right.cost || left.index - right.index);
  return found.slice(0, SHORT_LIST).map(({ index }) => index);
}

function steepest(simplex: Simplex, list: readonly number[]): number | undefined {
  let best: number | undefined;
  let lowest = -1e-9;
  for (const index of list) {
    const cost = relativeCost(simplex, index);
    if (cost < lowest) {
      lowest = cost;
      best = index;
    }
  }
  return best;
}
