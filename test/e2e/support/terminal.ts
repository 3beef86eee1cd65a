/**
 * What a command reported at its end, resource by resource. Progress, durations and counts differ
 * from run to run and are left out; reports come in the order of their resources.
 */
export function diagnostics(text: string): string {
  const [, reports = ""] = text.split(/^Diagnostics:\n/m);
  const [blocks = ""] = reports.split(/^(?:Outputs|Resources|Duration):/m);
  return blocks
    .split(/^(?= {2}[\w-]+:[\w/-]+:\w+ \()/m)
    .map((block) => block.trimEnd())
    .sort()
    .join("\n");
}
