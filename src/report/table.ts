// Columns of text for a terminal.

export interface TextTable {
  readonly head?: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Columns, from 0, whose cells are set to the right. */
  readonly right?: readonly number[]
}

/** Lines of the table, two spaces between columns, nothing after the last cell. */
export function textTable({ head, rows, right = [] }: TextTable): string[] {
  const all = head ? [head, ...rows] : rows
  const columns = all.reduce((most, row) => Math.max(most, row.length), 0)
  const widths = Array.from({ length: columns }, (_, column) =>
    all.reduce((most, row) => Math.max(most, widthOf(row[column] ?? '')), 0),
  )
  return all.map(row =>
    row
      .map((cell, column) => {
        const pad = ' '.repeat((widths[column] ?? 0) - widthOf(cell))
        return right.includes(column) ? pad + cell : cell + pad
      })
      .join('  ')
      .trimEnd(),
  )
}

/** Characters shown; colour sequences take no room. */
function widthOf(cell: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour sequences begin with ESC
  return [...cell.replace(/\x1b\[\d+m/g, '')].length
}
