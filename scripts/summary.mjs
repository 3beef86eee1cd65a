// summary.mjs STACK: what the stack made, as a table, and what to do with it.
import { execFileSync } from "node:child_process";
import Table from "cli-table3";

const stack = process.argv[2] ?? "sandbox";
const outputs = JSON.parse(
  execFileSync("pulumi", ["stack", "output", "--json", "--stack", stack], { encoding: "utf8" }),
);

const table = new Table({
  head: ["node", "pool", "role", "address", "reached at", "schematic", "server"],
  style: { head: [], border: [] },
});
for (const node of outputs.nodes) {
  table.push([
    node.name,
    node.pool,
    node.role,
    node.address,
    node.reachedAt,
    node.schematic.slice(0, 12),
    node.serverId,
  ]);
}
console.log(`
${table.toString()}

Kubernetes API   ${outputs.clusterEndpoint}

Look around
  . sandbox/env.sh
  openstack server list                      # the servers, as the tenant sees them
  openstack console log show ${outputs.nodes[0]?.name}
  pulumi stack output --show-secrets talosconfig > talosconfig
  pulumi stack graph /dev/stdout             # what depends on what
Take it down
  make down
`);
