// Does not prove that every version of talosctl support writes this layout: it is that of talosctl
// 1.14.1, which writes no file for a list without resources.
import * as fs from "node:fs";
import * as path from "node:path";

import { ZipFile } from "yazl";

import { doctor, outputsOf, save, temporaryFolder } from "./support";

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

const bundle: Readonly<Record<string, string>> = {
  "10.0.0.7/summary":
    "Client:\n\tTag:         v1.14.1\nServer:\n\tTag:         v1.8.3\n\tOS/Arch:     linux/amd64\n",
  "10.0.0.7/dmesg.log":
    'user: warning: [2024-12-09T17:20:10.5Z]: [talos] task startAllServices (1/1): starting\nuser: warning: [2024-12-09T18:17:57.0019243Z]: [talos] task startAllServices (1/1): service "ext-zpool-importer" to be "up"\n',
  "10.0.0.7/resources/extensionstatuses.runtime.talos.dev.yaml": `metadata:
    namespace: runtime
    type: ExtensionStatuses.runtime.talos.dev
    id: 0
spec:
    image: 0.sqsh
    metadata:
        name: zfs
        version: 2.2.6-v1.8.3
---
metadata:
    namespace: runtime
    type: ExtensionStatuses.runtime.talos.dev
    id: 1
spec:
    image: 1.sqsh
    metadata:
        name: schematic
        version: 9fcaad6b23f9a4c0f9a4c5a4c1ea4a3b9bb5d34b1c8c2be40ac1ad5cc1d0b3f1
`,
  "10.0.0.7/resources/machinestatuses.runtime.talos.dev.yaml": `metadata:
    type: MachineStatuses.runtime.talos.dev
    id: machine
    updated: 2024-12-09T17:20:05Z
spec:
    stage: booting
    status:
        ready: false
        unmetConditions:
            - name: services
              reason: service "ext-zpool-importer" is not running
`,
  "10.0.0.7/resources/resourcedefinitions.meta.cosi.dev.yaml": "metadata:\n",
  "10.0.0.7/resources/machineconfigs.config.talos.dev.yaml": `metadata:
    type: MachineConfigs.config.talos.dev
    id: v1alpha1
spec: <REDACTED>
`,
  "10.0.0.7/service-logs/ext-zpool-importer.state":
    'ID       ext-zpool-importer\nSTATE    Waiting\nHEALTH   ?\nEVENTS   [Waiting]: Waiting for file "/dev/zfs" to exist (57m50s ago)\n         [Waiting]: Waiting for service "udevd" to be "up" (57m52s ago)\n',
  "10.0.0.7/service-logs/kubelet.state":
    "ID       kubelet\nSTATE    Running\nHEALTH   OK\nEVENTS   [Running]: Health check successful (58m1s ago)\n",
  "10.0.0.7/service-logs/ext-zpool-importer.log": "",
  "kubernetesResources/nodes.yaml": "kind: NodeList\n",
};

function zip(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const file = path.join(folder, name);
  return new Promise((resolve, reject) => {
    const archive = new ZipFile();
    for (const [entry, text] of Object.entries(files)) {
      archive.addBuffer(Buffer.from(text), entry);
    }
    archive.outputStream
      .pipe(fs.createWriteStream(file))
      .on("close", () => resolve(file))
      .on("error", reject);
    archive.end();
  });
}

const expected = `10.0.0.7 (Talos 1.8.3, stage booting, schematic 9fcaad6b23f9): 1 problem
  Talos will reboot this node at 2024-12-09T18:30:10.500Z, and again and again.
  1. 10.0.0.7.services.ext-zpool-importer
     found:    ext-zpool-importer waits for /dev/zfs
     since:    2024-12-09T18:17:57.001Z
     because:  zfs in the image, kernel module zfs not loaded
     required: every service started within 70 minutes; else Talos gives the boot up and reboots the node, again and again
     fix:      Load kernel module zfs, or use an image without zfs.
     rule:     services-start
  What to do:
  A) If the node is to use zfs: activate it now, without a reboot. The boot goes on as soon as the module is loaded.
       talosctl --nodes 10.0.0.7 patch mc --mode no-reboot --patch '{"machine":{"kernel":{"modules":[{"name":"zfs"}]}}}'
  B) If the node is not to use zfs: upgrade it to an image that holds just what it needs. The schematic of that image is not known here: the rest of its schematic is not known, or its factory stamps owners.
  not seen: machine configuration: only its kernel modules and extension services were seen; without a file, configured kernel modules and configured extension services are none
  not seen: loaded kernel modules: not among what was saved

1 node: 1 with problems, 0 not seen, 0 healthy`;

describe("the zip of talosctl support", () => {
  it("is read as it is", async () => {
    const file = await zip("support.zip", bundle);
    expect(await doctor(file)).toEqual({ status: 1, errors: "", output: expected });
  });

  it("is read unpacked, too", async () => {
    for (const [name, text] of Object.entries(bundle)) {
      const file = path.join(folder, "unpacked", name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text);
    }
    expect((await doctor(path.join(folder, "unpacked"))).output).toBe(expected);
  });

  it("is refused when it is encrypted, damaged or of something else", async () => {
    const encrypted = path.join(folder, "support.zip.age");
    fs.writeFileSync(encrypted, "age-encryption.org/v1\n-> X25519 abc\n");
    expect(await doctor(encrypted)).toEqual({
      status: 2,
      output: "",
      errors: `${encrypted}: found a support bundle encrypted with age; required a plain one. Decrypt it, or take it with talosctl support --no-encryption.`,
    });
    const damaged = await zip("damaged.zip", bundle);
    fs.truncateSync(damaged, 200);
    expect((await doctor(damaged)).errors).toMatch(
      /damaged\.zip: found a zip that cannot be read \(.*\); required one of talosctl support\. Take it again\.$/,
    );
    const other = await zip("other.zip", { "photo.jpg": "" });
    expect((await doctor(other)).errors).toBe(
      `${other}: found no output of talosctl; required files such as services.txt, dmesg.log or extensions.json, in one folder for each node. See docs/guides/troubleshooting.md.`,
    );
  });
});

describe("saved outputs", () => {
  it("may be one node's folder or a folder of them, several at once", async () => {
    save(path.join(folder, "a"), { address: "10.0.0.1" });
    save(path.join(folder, "a"), { address: "10.0.0.2" });
    save(path.join(folder, "b"), { address: "10.0.0.3" });
    const { status, output } = await doctor(
      path.join(folder, "a"),
      path.join(folder, "b", "10.0.0.3"),
    );
    expect(status).toBe(0);
    expect(output).toContain("Healthy: 10.0.0.1, 10.0.0.2, 10.0.0.3\n");
  });

  it("of several nodes in one file are told apart", async () => {
    const [one, two] = ["10.0.0.1", "10.0.0.2"].map((address) => outputsOf({ address }));
    const file = path.join(folder, "all.txt");
    const [header, ...rows] = (one?.["services.txt"] ?? "").trim().split("\n");
    const others = (two?.["services.txt"] ?? "").trim().split("\n").slice(1);
    const sick =
      "10.0.0.2   ext-tailscale   Waiting   ?   3m0s ago   Waiting for extension service config";
    fs.writeFileSync(file, [header, ...rows, ...others, sick].join("\n"));
    const { output } = await doctor(file);
    expect(output).toMatch(/^10\.0\.0\.2: 1 problem\n/);
    expect(output).toContain("\n10.0.0.1: healthy, as far as it was seen\n");
    expect(output).toContain("\n2 nodes: 1 with problems, 0 not seen, 1 healthy");
  });

  it.each<[string, string, string]>([
    [
      "extensions.json",
      '{"metadata": {"type": "a", "id"',
      "extensions and schematic: not in the form of talosctl get extensions -o json",
    ],
    ["services.txt", "rpc error", "services: not in the form of talosctl services"],
    ["machinestatus.json", "[]", "stage: not in the form of talosctl get machinestatus -o json"],
    [
      "machineconfig.json",
      "a: {",
      "machine configuration: document 1: not YAML: BAD_INDENT at line 1",
    ],
    [
      "modules.txt",
      "nonsense",
      "loaded kernel modules: not in the form of talosctl read /proc/modules",
    ],
    ["version.txt", "", "Talos version: not in the form of talosctl version"],
  ])("that cannot be read are named: %s", async (name, text, said) => {
    const saved = save(folder, { address: "10.0.0.1" }, ["kernelmodulespecs.json"]);
    fs.writeFileSync(path.join(saved, name), text);
    const { status, output } = await doctor(folder);
    expect(output).toContain(`not seen: ${said}`);
    expect(status).toBe(0);
  });

  it("that tell nothing are no healthy node", async () => {
    const saved = path.join(folder, "10.0.0.1");
    fs.mkdirSync(saved);
    fs.writeFileSync(path.join(saved, "version.txt"), "");
    expect(await doctor(folder)).toEqual({
      status: 2,
      errors: "",
      output:
        "Not seen:\n  10.0.0.1: nothing that it said could be read\n\n1 node: 0 with problems, 1 not seen, 0 healthy",
    });
  });

  it("need to be there", async () => {
    expect(await doctor("/no/such/folder")).toEqual({
      status: 2,
      output: "",
      errors:
        "/no/such/folder: found nothing; required a folder, a file or the zip of talosctl support. Correct the path.",
    });
    expect((await doctor()).errors).toBe(
      "found neither --nodes nor evidence; required one of them. Name the addresses of nodes, or what was saved.",
    );
  });

  it.each([
    ["--timeout", "soon"],
    ["--parallel", "0"],
    ["--expect", "latest"],
    ["--nodes", "a,,b"],
    ["--format", "xml"],
    ["--unknown"],
  ])("are not looked at with wrong arguments, which is status 2: %s %s", async (...args) => {
    jest.spyOn(process.stderr, "write").mockReturnValue(true);
    const exit = jest.spyOn(process, "exit").mockImplementation((status) => {
      throw new Error(`status ${String(status)}`);
    });
    await expect(doctor("audit", ...args)).rejects.toThrow("status 2");
    await expect(doctor(...args)).rejects.toThrow("status 2");
    expect(exit).toHaveBeenCalledTimes(2);
  });

  it("with names that a terminal would obey are shown escaped", async () => {
    save(folder, { address: "a\u001b[31mb" });
    const { output } = await doctor(folder);
    expect(output).toContain("Healthy: a\\u001b[31mb\n");
  });
});
