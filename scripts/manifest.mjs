// What of package.json is published.

const published = [
  "name",
  "version",
  "description",
  "keywords",
  "license",
  "author",
  "homepage",
  "repository",
  "bugs",
  "engines",
  "main",
  "types",
  "exports",
  "bin",
  "dependencies",
  "peerDependencies",
  "peerDependenciesMeta",
  "pulumi",
];

/**
 * The manifest without what only concerns development.
 *
 * @throws Error when a dependency could not be installed, or should not be, by those who use the package.
 */
export function publishedManifest(manifest) {
  const kept = published.filter((key) => manifest[key] !== undefined);
  const result = Object.fromEntries(kept.map((key) => [key, manifest[key]]));
  for (const field of ["dependencies", "peerDependencies", "optionalDependencies"]) {
    for (const [name, range] of Object.entries(manifest[field] ?? {})) {
      const problem = dependencyProblem(name, range);
      if (problem) throw new Error(`package.json: ${field}.${name}: found "${range}"; ${problem}`);
    }
  }
  return result;
}

function dependencyProblem(name, range) {
  if (/^(file|link|portal|workspace|git|git\+\w+|https?):/.test(range)) {
    return "required a version range. What is local belongs in workspaces, under the published name and version.";
  }
  if (name === "node") {
    return "required: not there. It would download a Node.js for everybody; state the version in engines.";
  }
  return undefined;
}
