/** Cells a frame takes on each axis: its lines, and a space inside the side lines. */
export const frameCells = { columns: 4, rows: 2 };
