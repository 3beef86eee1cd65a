// The verdict at a server and over the stack, from resources of anybody's program.
// Does not prove: the order in which the engine shows resources (test/e2e/spikes/ledger.test.ts); each extension's own judgement (test/lib/rules).
import type { ResourceValidationArgs, ResourceValidationPolicy } from "@pulumi/policy";

import type * as extensionRule from "../../policies/image-holds-exactly-activated-extensions";
import type * as imageRule from "../../policies/server-image-can-be-judged";
import { schematicId } from "../../lib/talos/schematic";
import { reported, resource, stackResource, unknown } from "./resource";

type Rules = typeof extensionRule & typeof imageRule;

// The ledger lives as long as a process: each test gets rules of its own.
function rules(): Rules {
  let loaded: Rules | undefined;
  jest.isolateModules(() => {
    loaded = {
      ...jest.requireActual<Rules>("../../policies/image-holds-exactly-activated-extensions"),
      ...jest.requireActual<Rules>("../../policies/server-image-can-be-judged"),
    };
  });
  if (!loaded) throw new Error("not loaded");
  return loaded;
}

const extensions = ["siderolabs/zfs"];
const id = schematicId({ customization: { systemExtensions: { officialExtensions: extensions } } });
const url = `https://factory.example/image/${id}/v1.8.3/openstack-amd64.raw.xz`;
const without = "version: v1alpha1\nmachine: { type: worker }\n";
const loading = "machine: { type: worker, kernel: { modules: [{ name: zfs }] } }\n";
const violation =
  "server.extensions.zfs: found zfs in the image, kernel module zfs not loaded; " +
  "required kernel module zfs in machine.kernel.modules or a KernelModuleConfig; without it " +
  "ext-zpool-importer waits for /dev/zfs and Talos reboots the node after 70 minutes, again and again. " +
  "Declare extensions: { zfs: true }, or remove zfs from the image.";

const schematic = resource("talos:imageFactory/schematic:Schematic", "schematic", {
  schematic: `customization:\n  systemExtensions:\n    officialExtensions: [siderolabs/zfs]\n`,
});

function image(properties: object = {}, name = "image"): ResourceValidationArgs {
  const happy = { name: "talos", imageSourceUrl: url };
  return resource("openstack:images/image:Image", name, { ...happy, ...properties });
}

function server(properties: object, options = {}): ResourceValidationArgs {
  const happy = { imageId: "11111111-2222-3333-4444-555555555555" };
  const all = { ...happy, ...properties };
  return resource("openstack:compute/instance:Instance", "server", all, options);
}

async function atServer(...resources: ResourceValidationArgs[]): Promise<string[]> {
  return reported(rules().imageHoldsExactlyActivatedExtensions, resources);
}

describe("at the server", () => {
  test("refuses by the name of the image", async () => {
    const booted = server({ imageName: "talos", userData: without });
    expect(await atServer(schematic, image(), booted)).toEqual([violation]);
  });

  test("refuses by boot metadata, without an image in the stack", async () => {
    const metadata = { "talos-boot-schematic": id, "talos-boot-version": "1.8.3" };
    expect(await atServer(schematic, server({ metadata, userData: without }))).toEqual([violation]);
  });

  test("refuses by the image's properties when its URL does not say it", async () => {
    const properties = { talos_schematic: id, talos_version: "1.8.3" };
    const uploaded = image({ imageSourceUrl: undefined, properties });
    const booted = server({ imageName: "talos", userData: without });
    expect(await atServer(schematic, uploaded, booted)).toEqual([violation]);
  });

  test("reads user data in base64", async () => {
    const userData = Buffer.from(without).toString("base64");
    const booted = server({ imageName: "talos", userData });
    expect(await atServer(schematic, image(), booted)).toEqual([violation]);
  });

  test.each([
    ["what is activated", server({ imageName: "talos", userData: loading })],
    ["user data that is not known yet", server({ imageName: "talos", userData: unknown })],
    ["a secret that cannot be decrypted", server({ imageName: "talos", userData: "[secret]" })],
    [
      "another kind of machine",
      server({ imageName: "talos", userData: "#cloud-config\nusers: []\n" }),
    ],
    ["an image by ID only", server({ userData: without })],
    ["an image of another stack", server({ imageName: "other", userData: without })],
    ["a name that is not known yet", server({ imageName: unknown, userData: without })],
    ["a server without user data", server({ imageName: "talos" })],
  ])("accepts or passes over %s", async (_, booted) => {
    expect(await atServer(schematic, image(), booted)).toEqual([]);
  });

  test("passes over an image whose URL is not known yet, and two of one name", async () => {
    const booted = server({ imageName: "talos", userData: without });
    expect(await atServer(schematic, image({ imageSourceUrl: unknown }), booted)).toEqual([]);
    expect(await atServer(schematic, image(), image({}, "second"), booted)).toEqual([]);
  });

  test("a rule that is disabled does not blind another one", async () => {
    const { serverImageCanBeJudged } = rules();
    const booted = server({ imageName: "talos", userData: without });
    expect(await reported(serverImageCanBeJudged, [schematic, image(), booted])).toEqual([]);
  });
});

describe("over the stack", () => {
  function overStack(booted: ResourceValidationArgs, boots: ResourceValidationArgs): string[] {
    const messages: string[] = [];
    const imageResource = stackResource(boots);
    const resources = [
      stackResource(schematic),
      imageResource,
      stackResource(booted, { imageId: [imageResource] }),
    ];
    const args = {
      ...{ resources, stackTags: new Map<string, string>(), getConfig: <T>() => ({}) as T },
      notApplicable: (reason?: string): never => {
        throw new Error(reason);
      },
    };
    void rules().imageHoldsExactlyActivatedExtensionsInStack.validateStack(args, (message) => {
      messages.push(message);
    });
    return messages;
  }

  test("refuses by the dependency, although the image's ID is not known yet", () => {
    expect(overStack(server({ imageId: unknown, userData: without }), image())).toEqual([
      violation,
    ]);
  });

  test("goes by boot metadata where a server keeps its first image", () => {
    const kept = { ignoreChanges: ["imageId", "userData"] };
    expect(overStack(server({ userData: without }, kept), image())).toEqual([]);
  });

  test("goes by the dependency where a server keeps the image of today", () => {
    const kept = { ignoreChanges: ["imageId", "userData"] };
    const today = image({ file: "/v2/images/11111111-2222-3333-4444-555555555555/file" });
    expect(overStack(server({ userData: without }, kept), today)).toEqual([violation]);
    const other = image({ file: "/v2/images/66666666-2222-3333-4444-555555555555/file" });
    expect(overStack(server({ userData: without }, kept), other)).toEqual([]);
  });

  test("passes over user data that the provider gives as a hash", () => {
    expect(overStack(server({ userData: "a".repeat(40) }), image())).toEqual([]);
  });
});

describe("server-image-can-be-judged", () => {
  const judged = (resources: ResourceValidationArgs[]) => {
    const policy: ResourceValidationPolicy = rules().serverImageCanBeJudged;
    return reported(policy, resources);
  };

  test("says that nothing tells the image", async () => {
    const [message, ...others] = await judged([schematic, image(), server({ userData: without })]);
    expect(others).toEqual([]);
    expect(message).toMatch(/^server: found nothing that says which image it boots; required /);
  });

  test("says that the schematic is not in the stack", async () => {
    const metadata = { "talos-boot-schematic": id };
    const [message] = await judged([server({ metadata, userData: without })]);
    expect(message).toContain(`found schematic ${id}, which is not in this stack`);
  });

  test.each([
    ["what is not known yet", server({ imageName: unknown, userData: without })],
    ["another kind of machine", server({ userData: "#!/bin/sh\n" })],
    [
      "a server whose first schematic has left the stack",
      server(
        { metadata: { "talos-boot-schematic": id }, userData: without },
        { ignoreChanges: ["userData"] },
      ),
    ],
  ])("is silent about %s", async (_, booted) => {
    expect(await judged([booted])).toEqual([]);
  });
});
