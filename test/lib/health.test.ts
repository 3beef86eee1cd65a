// Judging what was seen of nodes. Does not prove how it is seen: test/runtime, test/e2e/cluster.
import { known, missing } from "../../lib/evidence";
import { healthHeader, healthProblems, healthRow, waitingServices } from "../../lib/health";
import type { NodeHealth } from "../../lib/health";

function node(change: Partial<NodeHealth> = {}): NodeHealth {
  return {
    name: "prod-storage-0",
    pool: "storage",
    addresses: ["10.10.0.7"],
    talosVersion: known("v1.13.9"),
    schematic: known("98442b5bb4e8d050f30978ce3e6ec22e7bf534d57cafcd51313235128057e612"),
    extensions: known(["drbd", "zfs"]),
    waiting: known([]),
    stage: known("running"),
    ready: known(true as const),
    ...change,
  };
}

test("a node that runs, waits for nothing and is Ready is healthy", () => {
  expect(healthProblems(node())).toEqual([]);
  expect(healthRow(node())).toEqual([
    "prod-storage-0",
    "storage",
    "10.10.0.7",
    "v1.13.9",
    "98442b5bb4e8",
    "drbd\nzfs",
    "none",
    "running",
    "yes",
  ]);
  expect(healthRow(node())).toHaveLength(healthHeader.length);
});

test("a service that waits is named with what it waits for", () => {
  const sick = node({
    stage: known("booting"),
    waiting: known(
      waitingServices([
        { id: "apid", state: "Running", message: "Health check successful" },
        {
          id: "ext-zfs-service",
          state: "Waiting",
          message: 'Waiting for file "/dev/zfs" to exist',
        },
        { id: "ext-done", state: "Finished", message: "Service finished successfully" },
        { id: "etcd", state: "Preparing", message: "" },
      ]),
    ),
  });
  expect(healthProblems(sick)).toEqual([
    "prod-storage-0: its stage is booting, not running",
    'prod-storage-0: ext-zfs-service: Waiting for file "/dev/zfs" to exist',
    "prod-storage-0: etcd: Preparing",
  ]);
  expect(healthRow(sick)[6]).toBe("ext-zfs-service\netcd");
});

test("what could not be seen is neither healthy nor hidden", () => {
  const silent = missing("node-did-not-answer");
  const unseen = node({
    talosVersion: silent,
    schematic: silent,
    extensions: silent,
    waiting: silent,
    stage: silent,
    ready: missing("not-in-stack"),
  });
  expect(healthProblems(unseen)).toEqual([
    "prod-storage-0: the Talos API does not answer",
    "prod-storage-0: its stage is not known",
    "prod-storage-0: its services are not known",
    "prod-storage-0: Kubernetes does not tell whether it is Ready",
  ]);
  expect(healthRow(unseen).slice(3)).toEqual(["?", "?", "?", "?", "?", "?"]);
});

test("a node that Kubernetes does not call Ready says why", () => {
  const notReady = node({ ready: known("it is NotReady (cni plugin not initialized)") });
  expect(healthProblems(notReady)).toEqual([
    "prod-storage-0: it is NotReady (cni plugin not initialized)",
  ]);
  expect(healthRow(notReady)[8]).toBe("no");
});
