import { types } from "../../../policies/types";
import { unknown } from "../resource";
import type { Cases, Declared, FlatChange, Stack } from "../stack";
import { configuration, flat } from "../stack";

function stack(change: FlatChange = {}): Stack {
  return { resources: flat(change) };
}

function bootVolume(volumeSize: unknown): object {
  return {
    blockDevices: [
      { bootIndex: 0, sourceType: "image", destinationType: "volume", uuid: unknown, volumeSize },
      { bootIndex: 1, sourceType: "blank", destinationType: "volume", volumeSize: 1 },
    ],
  };
}

/** Control planes of one cluster, with their server group. */
function controlPlanes(count: number, change: (index: number) => object = () => ({})): Declared[] {
  const [schematic, image, server] = flat();
  if (!schematic || !image || !server) throw new Error("a part of the stack is missing");
  const group: Declared = {
    type: types.serverGroup,
    name: "group",
    props: { name: "group", policies: "soft-anti-affinity" },
  };
  const servers = Array.from({ length: count }, (_, index): Declared => ({
    ...server,
    name: `control-plane-${index}`,
    props: {
      ...server.props,
      userData: configuration({ machine: { type: "controlplane" } }),
      schedulerHints: [{ group: unknown }],
      ...change(index),
    },
    dependencies: { imageId: ["image"], schedulerHints: ["group"] },
  }));
  return [schematic, image, group, ...servers];
}

function withGroup(policies: unknown): Declared[] {
  return controlPlanes(3).map((declared) =>
    declared.type === types.serverGroup
      ? { ...declared, props: { ...declared.props, policies } }
      : declared,
  );
}

const zoned = (zones: readonly string[]) =>
  controlPlanes(3, (index) => ({ availabilityZone: zones[index] }));

const privateKey = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\n";
const certificate = Buffer.from(
  "-----BEGIN CERTIFICATE-----\nMIIBPjCB8aADAgECAhB1\n-----END CERTIFICATE-----\n",
).toString("base64");

/** Rules over servers. */
export const serverCases: Record<string, Cases> = {
  "server-kept-as-created": {
    good: {
      "everything is ignored": stack({ opts: { ignoreChanges: ["*"] } }),
      "only what is set": stack({ opts: { ignoreChanges: ["imageId", "imageName", "userData"] } }),
      "a server of a pool that is being replaced": stack({
        opts: {
          ignoreChanges: [],
          parent:
            "urn:pulumi:test::project::talos-openstack:index:TalosCluster$talos-openstack:index:NodePool::prod-storage",
        },
      }),
      "another kind of machine": stack({
        server: { userData: "#cloud-config\nusers: []\n" },
        opts: { ignoreChanges: [] },
      }),
    },
    bad: {
      "a change of user data would replace it": {
        stack: stack({ opts: { ignoreChanges: ["imageId", "imageName"] } }),
        by: ["server-kept-as-created"],
        violation:
          'server.userData: found no ignoreChanges for userData; required ignoreChanges: ["userData"]. The server would be replaced; the Talos API changes the configuration. Add userData to ignoreChanges; change the machine configuration by ConfigurationApply and Talos by an upgrade.',
      },
      "a change of the image would rebuild it": {
        stack: stack({ opts: { ignoreChanges: ["imageName", "userData"] } }),
        by: ["server-kept-as-created"],
        violation:
          'server.imageId: found no ignoreChanges for imageId; required ignoreChanges: ["imageId"]. Nova would rebuild the server in place and wipe its root disk; upgrades change Talos. Add imageId to ignoreChanges; change the machine configuration by ConfigurationApply and Talos by an upgrade.',
      },
      "user data that is not known yet": {
        stack: stack({
          server: { userData: unknown },
          opts: { ignoreChanges: ["imageId", "imageName"] },
        }),
        by: ["server-kept-as-created"],
        violation:
          'server.userData: found no ignoreChanges for userData; required ignoreChanges: ["userData"]. The server would be replaced; the Talos API changes the configuration. Add userData to ignoreChanges; change the machine configuration by ConfigurationApply and Talos by an upgrade.',
      },
    },
  },
  "boot-volume-size": {
    good: {
      "10 GiB": stack({ server: bootVolume(10) }),
      "a size that is not known yet": stack({ server: bootVolume(unknown) }),
    },
    bad: {
      "8 GiB": {
        stack: stack({ server: bootVolume(8) }),
        by: ["boot-volume-size"],
        violation:
          "server.blockDevices[0].volumeSize: found 8 GiB; required at least 10 GiB. Set it to 10 or more.",
      },
    },
  },
  "control-plane-count-odd": {
    good: { three: { resources: controlPlanes(3) }, "workers only": stack() },
    bad: {
      two: {
        stack: { resources: controlPlanes(2) },
        by: ["control-plane-count-odd"],
        violation:
          "control planes.count: found 2; required an odd number of control planes, so that etcd has a majority. Set it to 1 or 3.",
      },
    },
  },
  "control-planes-apart": {
    good: {
      "a group with anti-affinity": { resources: withGroup(["anti-affinity"]) },
      "one control plane": {
        resources: controlPlanes(1, () => ({ schedulerHints: undefined })),
      },
      "a policy that is not known yet": { resources: withGroup(unknown) },
    },
    bad: {
      "one of three without a group": {
        stack: {
          resources: controlPlanes(3, (index) =>
            index === 0 ? { schedulerHints: undefined } : {},
          ),
        },
        by: ["control-planes-apart"],
        violation:
          "control-plane-0.schedulerHints: found no server group; required a server group with policy anti-affinity or soft-anti-affinity, so that no host takes etcd's majority with it. Create a ServerGroup with policies: soft-anti-affinity and name it in schedulerHints[0].group.",
      },
    },
  },
  "control-planes-across-zones": {
    good: {
      "three zones": { resources: zoned(["a", "b", "c"]) },
      "the only zone": { resources: zoned(["a", "a", "a"]) },
    },
    bad: {
      "one zone of two": {
        stack: {
          resources: zoned(["a", "a", "a"]),
          config: { "control-planes-across-zones": { zones: ["a", "b"] } },
        },
        by: ["control-planes-across-zones"],
        violation:
          "control-plane-0: found all 3 control planes in zone a; required more than one of a, b. Spread them over the zones.",
      },
    },
  },
  "deletion-protected": {
    good: {
      "nothing is listed": stack(),
      "what is listed is protected": {
        resources: flat({ opts: { protect: true } }),
        config: { "deletion-protected": { kinds: ["server"] } },
      },
    },
    bad: {
      "a server that is listed": {
        stack: { ...stack(), config: { "deletion-protected": { kinds: ["server"] } } },
        by: ["deletion-protected"],
        violation:
          "server: found a server without protect; required protect: true. Set the resource option protect: true, or in a TalosCluster deletionProtection: true.",
      },
    },
  },
  "no-key-material": {
    good: {
      "usual metadata": stack({ server: { metadata: { role: "worker", unclear: unknown } } }),
      "a certificate": stack({ server: { metadata: { ca: certificate } } }),
      "a redacted value": stack({ server: { metadata: { key: "[secret]" } } }),
    },
    bad: {
      "a key in metadata, beside what is not known": {
        stack: stack({ server: { metadata: { unclear: unknown, key: privateKey } } }),
        by: ["no-key-material"],
        violation:
          "server.metadata.key: found a private key (PEM), sha256:566bd24ad1b5; required no key: whoever may list the resource reads it, and so does the server itself. Remove it and make a new key; keys belong into user data that is marked as a secret.",
      },
      "a key in base64 in a property of an image": {
        stack: stack({
          image: {
            properties: {
              architecture: "x86_64",
              key: Buffer.from(privateKey).toString("base64"),
            },
          },
        }),
        by: ["no-key-material"],
        violation:
          "image.properties.key: found a private key (PEM in base64), sha256:8c384265f63b; required no key: whoever may list the resource reads it, and so does the server itself. Remove it and make a new key; keys belong into user data that is marked as a secret.",
      },
      "a bootstrap token in a tag": {
        stack: stack({ server: { tags: ["token=abcdef.0123456789abcdef"] } }),
        by: ["no-key-material"],
        violation:
          "server.tags[0]: found a bootstrap token, sha256:2dd2bb986704; required no key: whoever may list the resource reads it, and so does the server itself. Remove it and make a new key; keys belong into user data that is marked as a secret.",
      },
    },
  },
};
