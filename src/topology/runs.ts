// Next hops to destinations 1, 2, … written as runs: three or four for a ring or a line, whatever its size.

/** Runs [count, hop, count, hop, …] over destinations 1 to `nodesCount`. O(nodesCount) time. */
export function runsOf(nodesCount: number, hopTo: (destination: number) => number): number[] {
  const runs: number[] = []
  let count = 0
  let hop = 0
  for (let destination = 1; destination <= nodesCount; destination++) {
    const next = hopTo(destination)
    if (count > 0 && next !== hop) {
      runs.push(count, hop)
      count = 0
    }
    hop = next
    count++
  }
  if (count > 0) runs.push(count, hop)
  return runs
}
