/** Most letters that a mistyped name may differ in. */
const mostEdits = 2;

/**
 * The name that was probably meant: one that differs in at most two letters (added, left out,
 * changed, or two neighbours swapped). undefined when none or more than one is that near.
 */
export function nearestName(text: string, names: readonly string[]): string | undefined {
  // Far longer than any name: not a slip, and not worth the time.
  if (text.length > 80) return undefined;
  const distances = names.map((name) => ({ name, edits: editDistance(text, name) }));
  const least = Math.min(...distances.map(({ edits }) => edits));
  const nearest = distances.filter(({ edits }) => edits === least);
  // A short name needs more of its letters to be recognised.
  const most = Math.min(mostEdits, Math.floor(text.length / 3));
  return least <= most && nearest.length === 1 ? nearest[0]?.name : undefined;
}

// Optimal string alignment: Levenshtein's distance with swaps of neighbours.
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? Infinity;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          at(i - 1, j) + 1,
          (row[j - 1] ?? Infinity) + 1,
          at(i - 1, j - 1) + (same ? 0 : 1),
          swapped ? at(i - 2, j - 2) + 1 : Infinity,
        ),
      );
    }
  }
  return at(a.length, b.length);
}
