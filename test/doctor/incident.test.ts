// Does not prove that a real node writes these outputs: their form is that of talosctl's source, and
// test/doctor/reports holds what real nodes wrote.
import * as fs from "node:fs";

import { schematicId } from "../../lib/talos/schematic";
import type { NodeFixture } from "./support";
import { doctor, incident, outputsOf, save, talosLine, temporaryFolder } from "./support";

const official = (...names: string[]) =>
  schematicId({
    customization: {
      systemExtensions: { officialExtensions: names.map((name) => `siderolabs/${name}`) },
    },
  });
const both = official("drbd", "zfs");
const plain = official();

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

describe("zfs and drbd in the image, nothing activated", () => {
  it("is explained, with each way to mend it", async () => {
    save(folder, incident);
    expect(await doctor(folder)).toEqual({
      status: 1,
      errors: "",
      output: `10.10.0.31 (Talos 1.8.3, stage booting, schematic ${both.slice(0, 12)}): 3 problems
  Talos will reboot this node at 2024-12-09T18:30:10.500Z, and again and again.
  1. 10.10.0.31.services.ext-zpool-importer
     found:    ext-zpool-importer waits for service udevd and /dev/zfs
     since:    2024-12-09T17:20:11.000Z, for 57 min
     because:  zfs in the image, kernel module zfs not loaded
     required: every service started within 70 minutes; else Talos gives the boot up and reboots the node, again and again
     fix:      Load kernel module zfs, or use an image without zfs.
     rule:     services-start
  2. 10.10.0.31.extensions.drbd
     found:    drbd in the image, kernel module drbd not loaded
     required: kernel module drbd in machine.kernel.modules or a KernelModuleConfig
     fix:      Declare extensions: { drbd: true }, or remove drbd from the image.
     rule:     image-holds-exactly-activated-extensions
  3. 10.10.0.31.extensions.drbd
     found:    drbd in the image, kernel module drbd_transport_tcp not loaded
     required: kernel module drbd_transport_tcp in machine.kernel.modules or a KernelModuleConfig
     fix:      Declare extensions: { drbd: true }, or remove drbd from the image.
     rule:     image-holds-exactly-activated-extensions
  What to do:
  A) If the node is to use drbd, zfs: activate it now, without a reboot. The boot goes on as soon as the module is loaded.
       talosctl --nodes 10.10.0.31 patch mc --mode no-reboot --patch '{"machine":{"kernel":{"modules":[{"name":"drbd","parameters":["usermode_helper=disabled"]},{"name":"drbd_transport_tcp"},{"name":"zfs"}]}}}'
  B) If the node is not to use drbd, zfs: upgrade it to an image that holds just what it needs; it reboots once.
       curl -fsS -X POST --data-binary '{"customization":{}}' https://factory.talos.dev/schematics
       talosctl --nodes 10.10.0.31 upgrade --image factory.talos.dev/openstack-installer/${plain}:v1.8.3

1 node: 1 with problems, 0 not seen, 0 healthy`,
    });
  });

  it("has the slim schematic that facts name", () => {
    expect(plain).toBe("376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba");
    expect(both).toBe("98442b5bb4e8d050f30978ce3e6ec22e7bf534d57cafcd51313235128057e612");
  });

  it("is explained as well without the configuration, from what the node loads", async () => {
    const saved = save(folder, incident, ["machineconfig.json"]);
    const { status, output } = await doctor(saved);
    expect(status).toBe(1);
    expect(output).toContain("because:  zfs in the image, kernel module zfs not loaded\n");
    expect(output).toContain(
      "not seen: machine configuration: only its kernel modules and extension services were seen",
    );
    expect(output).not.toContain("machine.install");
  });

  it("patches a node of 1.14 by documents", async () => {
    save(folder, {
      ...incident,
      talos: "1.14.1",
      services: [
        ["ext-zfs-service", "Waiting", "?", "30m0s", 'Waiting for file "/dev/zfs" to exist'],
      ],
      log: [
        talosLine(
          "17:20:26",
          'task startAllServices (1/1): service "ext-zfs-service" to be up/finished',
        ),
      ],
    });
    const { output } = await doctor(folder);
    expect(output).toContain(
      ` --patch '{"apiVersion":"v1alpha1","kind":"KernelModuleConfig","name":"zfs"}'`,
    );
    expect(output).toContain("since:    at least 2024-12-09T17:20:26.000Z\n");
  });

  it("keeps the data of a node of 1.7, and minds other control planes", async () => {
    const configuration = "machine: {type: controlplane}";
    save(folder, { ...incident, talos: "1.7.6", configuration });
    const { output } = await doctor(folder);
    expect(output).toContain(`/openstack-installer/${plain}:v1.7.6 --preserve\n`);
    expect(output).toContain(
      "it reboots once. It is a control plane: upgrade one at a time, with etcd healthy before and after.\n",
    );
  });

  it("commands begin with what the reader gave", async () => {
    save(folder, incident);
    const { output } = await doctor(folder, "--talosconfig", "my talosconfig", "-e", "a,b");
    expect(output).toContain(
      "  talosctl --talosconfig 'my talosconfig' --endpoints a,b --nodes 10.10.0.31 upgrade --image ",
    );
  });
});

describe("a node whose upgrade was rolled back", () => {
  const image = `registry.example:5000/openstack-installer/${both}:v1.8.3`;
  const rolledBack: NodeFixture = {
    address: "10.10.0.32",
    talos: "1.8.3",
    configuration: `machine: {type: worker, install: {image: "${image}"}}`,
  };

  it("looks healthy and is not", async () => {
    save(folder, rolledBack);
    expect(await doctor(folder)).toEqual({
      status: 1,
      errors: "",
      output: `10.10.0.32 (Talos 1.8.3, stage running, schematic ${plain.slice(0, 12)}): 1 problem
  1. 10.10.0.32.image
     found:    schematic ${plain}, Talos 1.8.3, stage running
     required: schematic ${both}, Talos 1.8.3
     fix:      If it was upgraded, Talos rolled the upgrade back because its boot did not end in time: activate what the new image needs, then upgrade again. If it never was, upgrade it, or correct machine.install.image.
     rule:     running-image-is-expected
  What to do:
  A) Once what the new image needs is activated: upgrade, and look again after 70 minutes at the most.
       talosctl --nodes 10.10.0.32 upgrade --image ${image}

1 node: 1 with problems, 0 not seen, 0 healthy`,
    });
  });

  it("says so when the log does", async () => {
    save(folder, {
      ...rolledBack,
      log: [talosLine("19:30:00", 'reverting failed upgrade, switching to "A"')],
    });
    const { output } = await doctor(folder);
    expect(output).toContain(
      "stage running; Talos went back to boot entry A after a failed upgrade\n",
    );
  });

  it("is compared with what the reader expects, if so", async () => {
    save(folder, { ...rolledBack, configuration: undefined });
    expect((await doctor(folder)).status).toBe(0);
    expect((await doctor(folder, "--expect", `${plain}@v1.8.3`)).status).toBe(0);
    const other = await doctor(folder, "--expect", `${both}@1.13.9`);
    expect(other.status).toBe(1);
    expect(other.output).toContain(`required: schematic ${both}, Talos 1.13.9\n`);
    const version = await doctor(folder, "--expect", "1.13.9");
    expect(version.output).toContain("required: Talos 1.13.9\n");
  });
});

describe("a module that is configured and not in the image", () => {
  it("is told once, with the image that holds it", async () => {
    save(folder, {
      address: "10.10.0.33",
      configuration: `machine: {type: worker, kernel: {modules: [{name: drbd, parameters: [usermode_helper=disabled]}, {name: drbd_transport_tcp}]}, install: {image: "factory.talos.dev/openstack-installer/${plain}:v1.13.9"}}`,
      log: [
        talosLine(
          "10:02:44",
          'controller failed {"component": "controller-runtime", "controller": "runtime.KernelModuleSpecController", "error": "error loading module \\x5c"drbd\\x5c": module not found"}',
        ),
        talosLine("10:02:50", "boot sequence: done: 30s"),
      ],
    });
    const { status, output } = await doctor(folder);
    expect(status).toBe(1);
    expect(output)
      .toBe(`10.10.0.33 (Talos 1.13.9, stage running, schematic ${plain.slice(0, 12)}): 1 problem
  1. 10.10.0.33.extensions.drbd
     found:    kernel module drbd is to be loaded and was not found
     required: siderolabs/drbd in the schematic of the image
     fix:      Upgrade to an image with drbd, or remove drbd from the machine configuration.
     rule:     modules-found
  What to do:
  A) If the node is to use drbd: upgrade it to an image that holds just what it needs; it reboots once.
       curl -fsS -X POST --data-binary '{"customization":{"systemExtensions":{"officialExtensions":["siderolabs/drbd"]}}}' https://factory.talos.dev/schematics
       talosctl --nodes 10.10.0.33 upgrade --image factory.talos.dev/openstack-installer/${official("drbd")}:v1.13.9

1 node: 1 with problems, 0 not seen, 0 healthy`);
  });
});

describe("a schematic that holds more than extensions", () => {
  it("keeps it in the slim image, and shows none of it", async () => {
    const schematic = {
      customization: {
        extraKernelArgs: ["talos.config=https://user:CANARY@example.org/"],
        systemExtensions: { officialExtensions: ["siderolabs/drbd", "siderolabs/zfs"] },
      },
    };
    const slim = schematicId({
      customization: { extraKernelArgs: schematic.customization.extraKernelArgs },
    });
    save(folder, { ...incident, schematic });
    const schematics = `${folder}/schematics`;
    const { output } = await doctor(`${folder}/10.10.0.31`, "--schematics", schematics);
    expect(output).toContain(`--data-binary @${schematics}/${slim}.yaml https://`);
    expect(output).toContain(`/openstack-installer/${slim}:v1.8.3\n`);
    expect(output).not.toContain("CANARY");
    const file = `${schematics}/${slim}.yaml`;
    expect(fs.readFileSync(file, "utf8")).toBe(
      "customization:\n    extraKernelArgs:\n        - talos.config=https://user:CANARY@example.org/\n",
    );
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  });

  it("is not known when the node tells only its ID", async () => {
    const outputs = outputsOf(incident);
    save(folder, incident);
    fs.writeFileSync(
      `${folder}/10.10.0.31/extensions.json`,
      (outputs["extensions.json"] ?? "").replaceAll(both, "ab".repeat(32)),
    );
    const { output } = await doctor(folder);
    expect(output).toContain(
      "The schematic of that image is not known here: the rest of its schematic is not known, or its factory stamps owners.",
    );
  });
});

describe("a healthy node", () => {
  it("has nothing to say", async () => {
    save(folder, { address: "10.10.0.34" });
    expect(await doctor(folder)).toEqual({
      status: 0,
      errors: "",
      output: "Healthy: 10.10.0.34\n\n1 node: 0 with problems, 0 not seen, 1 healthy",
    });
  });
});
