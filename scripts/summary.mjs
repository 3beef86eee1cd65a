// summary.mjs STACK: what to do with the cluster that the stack made.
import { execFileSync } from "node:child_process";

const stack = process.argv[2] ?? "sandbox";
const { nodes } = JSON.parse(
  execFileSync("pulumi", ["stack", "output", "--json", "--stack", stack], { encoding: "utf8" }),
);
const worker = nodes.find(({ role }) => role === "worker") ?? nodes[0];

console.log(`
Look around
  . sandbox/env.sh
  pulumi stack output --show-secrets kubeconfig > kubeconfig
  pulumi stack output --show-secrets talosconfig > talosconfig
  kubectl --kubeconfig kubeconfig get nodes
  talosctl --talosconfig talosconfig --nodes ${worker?.address} services
  npx pulumi-talos-openstack health --stack ${stack}    # the table above
  openstack console log show ${worker?.name}
Take it down
  make down
`);
