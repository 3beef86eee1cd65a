// Tables of the documentation, rendered from the sources. Pure: scripts/generate-docs.mjs gives it the compiled modules,
// test/readme.test.ts the sources.
"use strict";

const ts = require("typescript");

const { describeActivation, describeWaits } = require("./catalogue.js");
const { flowRows, releaseRows } = require("./spegel-tables.js");

/** Replaces what stands between `<!-- generated: NAME -->` and `<!-- end -->`. */
function fill(text, tables) {
  return text.replace(
    /(<!-- generated: ([\w-]+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, start, name, end) => {
      if (tables[name] === undefined) throw new Error(`No table is called ${name}.`);
      return `${start}\n${tables[name]}\n\n${end}`;
    },
  );
}

/** All tables by name. */
function renderTables({ versions, ports, boot, catalogue, policies, argumentsText, spegel }) {
  return {
    versions: versionTable(versions),
    ports: portTable(ports.ports),
    changes: changeTable(boot.changeTable),
    extensions: extensionTable(catalogue.extensionTable),
    policies: policyTable(policies),
    "policy-rules": policySections(policies),
    arguments: argumentTables(argumentsText),
    "spegel-arguments": argumentTables(spegel.argumentsText),
    "spegel-flows": table(
      ["", "Other end", "Port of the pod", "Releases", "Why"],
      flowRows(spegel.flows),
    ),
    "spegel-releases": table(
      [
        "From",
        "How pods find each other",
        "Election objects",
        "Rights on them",
        "containerd",
        "Read in",
      ],
      releaseRows(spegel.releases),
    ),
  };
}

const supportLevels = {
  full: "full",
  incident: "only to reproduce and repair its boot loops",
};

function versionTable({ talosReleases, isUpgradeStep, providerMachineryMinor }) {
  const rows = Object.entries(talosReleases)
    .reverse()
    .map(([minor, { kubernetes, upgradeFrom, support }]) => [
      minor,
      `${kubernetes.from} to ${kubernetes.to}`,
      upgradeFrom,
      supportLevels[support] ??
        (isUpgradeStep(minor) ? "accepted with a warning, not proven" : "refused"),
    ]);
  return [
    table(["Talos", "Kubernetes", "Upgrade from Talos", "Support"], rows),
    "",
    `The talos provider knows configurations up to Talos ${providerMachineryMinor}: newer nodes get that form, which they read. The third column is what Talos itself allows. A minor newer than ${Object.keys(talosReleases).at(-1)} is accepted with a warning.`,
  ].join("\n");
}

const peers = {
  "api-sources": "`api.from`",
  cluster: "every node",
  "control-plane": "control planes",
  "load-balancer": "load balancer (nodes' subnet)",
  "bgp-peers": "BGP routers that are named",
  "node-port-clients": "clients that are named",
};
const roles = { controlplane: "control planes", worker: "workers" };
const conditions = {
  always: "always",
  flannel: "`cni: flannel`",
  cilium: "`cni: cilium`",
  kubespan: "KubeSpan",
  bgp: "BGP routers are named",
  "node-ports": "NodePort clients are named",
  "talos-1.14": "Talos 1.14 and newer",
};

function portTable(ports) {
  const rows = Object.values(ports).map((row) => [
    row.min === undefined
      ? row.protocol.toUpperCase()
      : `${row.min === row.max ? row.min : `${row.min}-${row.max}`}/${row.protocol}`,
    row.description,
    row.from.map((peer) => word(peers, peer)).join(", "),
    row.to.map((role) => word(roles, role)).join(", "),
    word(conditions, row.when),
    row.reason,
  ]);
  return table(["Port", "What listens", "From", "To", "Open when", "Why"], rows);
}

const procedures = {
  "replace-node": "[replace the node](#replace-a-node)",
  "move-data": "[move the data](#move-data)",
};
const effects = { ignored: "kept as created", refused: "refused", "in-place": "changed in place" };

function changeTable(changes) {
  const order = Object.keys(effects);
  const rows = Object.entries(changes)
    .sort(([, a], [, b]) => order.indexOf(a.effect) - order.indexOf(b.effect))
    .map(([field, { effect, reason, procedure }]) => [
      `\`${field}\``,
      word(effects, effect),
      reason,
      procedure === undefined ? "" : word(procedures, procedure),
    ]);
  return table(["Input", "What happens", "Why", "How it is done all the same"], rows);
}

function extensionTable(rows) {
  return table(
    ["Extension", "What for", "How it is activated", "Blocks the boot until", "Talos"],
    Object.entries(rows).map(([name, row]) => [
      `\`${name}\``,
      row.purpose,
      describeActivation(row.activation),
      row.blockingServices.length === 0 ? "never" : describeWaits(row.blockingServices),
      extensionMinors(row),
    ]),
  );
}

function extensionMinors({ from, until, formerNames, architectures }) {
  return [
    until === undefined ? `${from} and newer` : `${from} to ${until}`,
    ...formerNames.map((former) => `up to ${former.until} as ${code(former.name)}`),
    ...(architectures.length === 1 ? [`${architectures[0]} only`] : []),
  ].join(", ");
}

function policyTable(policies) {
  const rows = policies.map(({ name, enforcementLevel, severity, description }) => [
    `[\`${name}\`](${link(name)})`,
    enforcementLevel,
    severity,
    description,
  ]);
  return table(["Rule", "Level", "Severity", "What it says"], rows);
}

function link(name) {
  return `policies/README.md#${name}`;
}

/** A section for each rule: what it demands, what to do, how it is configured. */
function policySections(policies) {
  return policies.map(policySection).join("\n\n");
}

function policySection(policy) {
  const { name, displayName, description, enforcementLevel, severity, tags } = policy;
  const rows = Object.entries(policy.configSchema.properties).map(([key, schema]) => [
    code(key),
    settingType(schema),
    code(JSON.stringify(schema.default)),
    schema.description,
  ]);
  const judged =
    policy.validateStack === undefined ? "each resource, before it is changed" : "the whole stack";
  return [
    `### ${name}`,
    "",
    `**${displayName}.** ${description}`,
    "",
    `Judges ${judged}. Level ${enforcementLevel}, severity ${severity}; tags ${tags.join(", ")}.`,
    "",
    `What to do: ${policy.remediationSteps}`,
    "",
    table(["Setting", "Type", "Default", "What"], rows),
  ].join("\n");
}

function settingType({ type, items, pattern, minimum, maximum, maxItems, enum: values }) {
  if (type === "array") {
    const most = maxItems === undefined ? "" : `, at most ${maxItems}`;
    return `list of ${settingType(items)}${most}`;
  }
  if (values !== undefined) return values.map((value) => code(JSON.stringify(value))).join(", ");
  const bounds = minimum === undefined ? "" : `, ${minimum} to ${maximum}`;
  return `${type}${pattern === undefined ? "" : ` like ${code(pattern)}`}${bounds}`;
}

/** Every interface of components/arguments.ts as a table, doc comments as text. */
function argumentTables(text) {
  const file = ts.createSourceFile("arguments.ts", text, ts.ScriptTarget.ES2022, true);
  const tables = [];
  file.forEachChild((node) => {
    if (!ts.isInterfaceDeclaration(node) && !ts.isTypeAliasDeclaration(node)) return;
    const members = membersOf(node);
    if (members.length === 0) return;
    const rows = members.map((member) => [
      code(member.name.getText(file) + (member.questionToken ? "?" : "")),
      code(oneLine(member.type.getText(file))),
      doc(member),
    ]);
    const inherits = node.heritageClauses
      ? ` Also all of ${node.heritageClauses.flatMap(({ types }) => types.map((type) => code(type.getText(file)))).join(", ")}.`
      : "";
    tables.push(
      [
        `### ${node.name.text}`,
        "",
        doc(node) + inherits,
        "",
        table(["Name", "Type", "What"], rows),
      ].join("\n"),
    );
  });
  return tables.join("\n\n");
}

function membersOf(node) {
  if (ts.isInterfaceDeclaration(node)) return node.members.filter(ts.isPropertySignature);
  if (!ts.isUnionTypeNode(node.type)) return [];
  return node.type.types
    .filter(ts.isTypeLiteralNode)
    .flatMap(({ members }) => members.filter(ts.isPropertySignature));
}

function doc(node) {
  const [comment] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const text = comment ? (ts.getTextOfJSDocComment(comment.comment) ?? "") : "";
  return oneLine(text.replace(/\{@link (\w+)\}/g, "`$1`"));
}

function word(words, key) {
  if (words[key] === undefined) throw new Error(`scripts/docs-tables.js has no words for ${key}.`);
  return words[key];
}

function code(text) {
  return `\`${text}\``;
}

function oneLine(text) {
  return text.replace(/\s+/g, " ").trim();
}

function table(head, rows) {
  const line = (cells) =>
    `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

module.exports = { fill, renderTables };
