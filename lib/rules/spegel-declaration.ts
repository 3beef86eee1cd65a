import { nameProblems as labelProblems } from "../openstack/names";
import type { Problem } from "../problem";
import { describe } from "../report";
import { spegelCnis, spegelRisks } from "../spegel/declaration";
import type { SpegelDeclaration } from "../spegel/declaration";
import { nodePortRange, spegelPorts } from "../spegel/names";
import {
  compareReleases,
  newestSpegelRelease,
  parseSpegelRelease,
  traitsOf,
} from "../spegel/releases";

/** Arguments that are no values of their kind, alone or together. */
export function spegelDeclarationProblems(declaration: SpegelDeclaration): Problem[] {
  return [
    ...nameProblems(declaration),
    ...versionProblems(declaration),
    ...portProblems(declaration),
    ...imageProblems(declaration),
    ...mirrorProblems(declaration),
    ...choiceProblems(declaration),
  ];
}

/** What to say about arguments that are accepted: one sentence each, path first. */
export function spegelDeclarationWarnings(
  declaration: SpegelDeclaration,
  enforcesPolicies: boolean,
): string[] {
  const { image, mirrorResolveRetries, version } = declaration;
  const warnings: string[] = [];
  if (image.digest === undefined) {
    warnings.push(
      `image.digest: ${image.repository}:v${version} is a tag, which can be moved; set the digest of the image.`,
    );
  }
  if (!enforcesPolicies) {
    warnings.push(
      `target.cni: ${declaration.cni} does not enforce policies by itself, so every pod can reach Spegel. Talos 1.13 and newer: cluster.network.cni.flannel.kubeNetworkPoliciesEnabled; then set target.enforcesPolicies.`,
    );
  }
  const unwired = compareReleases(version, "0.5.0") >= 0 && compareReleases(version, "0.7.2") <= 0;
  if (mirrorResolveRetries !== undefined && unwired) {
    warnings.push(`mirrorResolveRetries: Spegel ${version} does not use it; 0.7.3 and newer do.`);
  }
  return warnings;
}

function problem(
  rule: string,
  path: string,
  found: unknown,
  required: string,
  fix: string,
): Problem {
  return { rule, path, found: describe(found), required, fix };
}

/** Longest suffix of an object's name; the name must leave room for it. */
const longestSuffix = "-leader-election";

function nameProblems({
  name,
  namespace,
  electionName,
  clusterDomain,
}: SpegelDeclaration): Problem[] {
  const domain = clusterDomain.split(".").every((part) => labelProblems("", part).length === 0);
  return [
    ...(labelProblems("objectName", name).length > 0
      ? labelProblems("objectName", name)
      : labelProblems("objectName", name + longestSuffix)),
    ...labelProblems("namespace", namespace),
    ...labelProblems("electionName", electionName),
    ...(domain
      ? []
      : [
          problem(
            "spegel-cluster-domain-valid",
            "clusterDomain",
            clusterDomain,
            "a domain without a dot at its ends, such as cluster.local",
            "Correct it, or leave it out for cluster.local.",
          ),
        ]),
  ];
}

function versionProblems({ version }: SpegelDeclaration): Problem[] {
  if (parseSpegelRelease(version) !== undefined) return [];
  return [
    problem(
      "spegel-version-exact",
      "version",
      version,
      `an exact release such as ${newestSpegelRelease}`,
      "Set version to major.minor.patch without a pre-release suffix.",
    ),
  ];
}

function portProblems({ hostPort, nodePort }: SpegelDeclaration): Problem[] {
  const { first, last } = nodePortRange;
  const problems: Problem[] = [];
  if (!isPort(hostPort)) {
    problems.push(
      problem(
        "spegel-host-port-valid",
        "hostPort",
        hostPort,
        "an integer from 1 to 65535",
        `Leave it out for ${spegelPorts.host}.`,
      ),
    );
  }
  if (!isPort(nodePort) || nodePort < first || nodePort > last) {
    problems.push(
      problem(
        "spegel-node-port-valid",
        "nodePort",
        nodePort,
        `an integer from ${first} to ${last}`,
        `Leave it out for ${spegelPorts.node}.`,
      ),
    );
  }
  if (hostPort === nodePort) {
    problems.push(
      problem(
        "spegel-ports-differ",
        "hostPort",
        hostPort,
        "another port than nodePort",
        "Leave one of the two out.",
      ),
    );
  }
  return problems;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

function imageProblems({ image, memory }: SpegelDeclaration): Problem[] {
  const problems: Problem[] = [];
  if (image.digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(image.digest)) {
    problems.push(
      problem(
        "spegel-image-digest-valid",
        "image.digest",
        image.digest,
        "sha256: and 64 hex digits",
        "Take it from the registry, for example with crane digest.",
      ),
    );
  }
  if (!/^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)+$/.test(image.repository)) {
    problems.push(
      problem(
        "spegel-image-repository-valid",
        "image.repository",
        image.repository,
        "a repository without tag and digest",
        "Leave out what follows the name; the tag is the version.",
      ),
    );
  }
  if (!/^[1-9]\d*(Mi|Gi)$/.test(memory)) {
    problems.push(
      problem(
        "spegel-memory-valid",
        "memory",
        memory,
        "a number with Mi or Gi, such as 128Mi",
        "Correct it, or leave it out for 128Mi.",
      ),
    );
  }
  return problems;
}

function mirrorProblems(declaration: SpegelDeclaration): Problem[] {
  const { keepExistingMirrors, mirrorResolveRetries, mirrorResolveTimeout, registries, version } =
    declaration;
  const problems = registries.flatMap((registry, index) =>
    /^https?:\/\/[a-z0-9.-]+(:\d+)?$/.test(registry) && registries.indexOf(registry) === index
      ? []
      : [
          problem(
            "spegel-registry-valid",
            `registries[${index}]`,
            registry,
            "scheme and host of a registry, such as https://docker.io, each once",
            "Correct it, or remove the entry.",
          ),
        ],
  );
  if (mirrorResolveTimeout !== undefined && !/^[1-9]\d*(ms|s)$/.test(mirrorResolveTimeout)) {
    problems.push(
      problem(
        "spegel-mirror-timeout-valid",
        "mirrorResolveTimeout",
        mirrorResolveTimeout,
        "a number with ms or s, such as 20ms",
        "Correct it, or leave it out.",
      ),
    );
  }
  if (
    mirrorResolveRetries !== undefined &&
    !(Number.isInteger(mirrorResolveRetries) && mirrorResolveRetries > 0)
  ) {
    problems.push(
      problem(
        "spegel-mirror-retries-valid",
        "mirrorResolveRetries",
        mirrorResolveRetries,
        "an integer above 0",
        "Correct it, or leave it out for 3.",
      ),
    );
  }
  const known = parseSpegelRelease(version) !== undefined;
  if (keepExistingMirrors && known && traitsOf(version).keepExistingFlag === undefined) {
    problems.push(
      problem(
        "spegel-keeps-mirrors-since",
        "keepExistingMirrors",
        keepExistingMirrors,
        "0.0.21 or newer, which can keep existing mirrors",
        "Set version to a newer release, or leave it out.",
      ),
    );
  }
  return problems;
}

function choiceProblems({ accept, cni }: SpegelDeclaration): Problem[] {
  const cniKnown = spegelCnis.some((known) => known === cni);
  return [
    ...(cniKnown
      ? []
      : [
          problem(
            "spegel-cni-known",
            "target.cni",
            cni,
            spegelCnis.join(", "),
            "Set it to the one that the cluster has.",
          ),
        ]),
    ...accept.flatMap((risk, index) =>
      spegelRisks.some((known) => known === risk)
        ? []
        : [
            problem(
              "spegel-risk-known",
              `accept[${index}]`,
              risk,
              spegelRisks.join(", "),
              "Remove the entry.",
            ),
          ],
    ),
  ];
}
