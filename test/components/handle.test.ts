// A cluster's facts on their way to another stack. Does not prove that the engine keeps them secret
// in the state: test/e2e/secrets.test.ts.
import * as pulumi from "@pulumi/pulumi";

import { NodePool, TalosCluster, clusterFromStack } from "../../components";
import { clusterArgs, storageArgs, types } from "../support/arguments";
import { clientConfiguration, floatingAddress, machineSecrets } from "../support/cloud";
import { runWell, valueOf } from "../support/program";

function reference(details: pulumi.StackReferenceOutputDetails): pulumi.StackReference {
  const name = pulumi.output("organization/infrastructure/prod");
  return {
    name,
    getOutputDetails: () => Promise.resolve(details),
  } as unknown as pulumi.StackReference;
}

test("the handle holds what a pool needs, and is secret", async () => {
  const { value } = await runWell(() => new TalosCluster("prod", clusterArgs()).handle);
  expect(await pulumi.isSecret(value)).toBe(true);
  expect(await valueOf(value)).toMatchObject({
    clusterName: "prod",
    talosVersion: "1.13.9",
    pinnedContract: "1.13",
    machineSecrets,
    clientConfiguration,
    talosEndpoints: [0, 1, 2].map((i) => floatingAddress(`prod-control-plane-${i}`)),
    applyMode: "no_reboot",
  });
});

test("a pool of another stack joins with the facts of the handle", async () => {
  const { value } = await runWell(() => new TalosCluster("prod", clusterArgs()).handle);
  const secretValue = await valueOf(value);
  const cluster = await clusterFromStack(reference({ secretValue }));
  expect(await pulumi.isSecret(cluster.machineSecrets)).toBe(true);
  expect(await pulumi.isSecret(cluster.clientConfiguration)).toBe(true);
  const { recorder } = await runWell(() => new NodePool("batch", { ...storageArgs(), cluster }));
  expect(recorder.one(types.apply, "prod-batch-0").inputs).toMatchObject({
    endpoint: floatingAddress("prod-control-plane-0"),
  });
  expect(recorder.one(types.instance, "prod-batch-0").secretInputs).toEqual(["userData"]);
});

test("a stack without a handle is refused with what to add to it", async () => {
  await expect(clusterFromStack(reference({}), "cluster")).rejects.toThrow(
    'clusterFromStack: found no output "cluster" in stack organization/infrastructure/prod; required ' +
      'the handle of a cluster. Add "export const cluster = cluster.handle" to its program and run ' +
      "pulumi up there.",
  );
});
