// Does not prove what nodes of other releases write: these are quotes from public reports, whose
// sources test/doctor/reports/README.md names.
import * as fs from "node:fs";
import * as path from "node:path";

import { doctor } from "./support";

const folder = path.join(__dirname, "reports");
const notSeen = (...what: string[]) => `  not seen: ${what.join(", ")}: not among what was saved`;
const required =
  "every service started within 70 minutes; else Talos gives the boot up and reboots the node, again and again";
const zfsWays = (node: string) => `  What to do:
  A) If the node is to use zfs: activate it now, without a reboot. The boot goes on as soon as the module is loaded.
       talosctl --nodes ${node} patch mc --mode no-reboot --patch '{"machine":{"kernel":{"modules":[{"name":"zfs"}]}}}'
  B) If the node is not to use zfs: upgrade it to an image that holds just what it needs. The schematic of that image is not known here: its extensions were not seen.
${notSeen("Talos version", "extensions and schematic", "stage", "services", "machine configuration", "loaded kernel modules")}`;

const reports: readonly (readonly [string, number, string])[] = [
  [
    "talos-9904.dmesg.log",
    1,
    `192.168.1.80: 1 problem
  Talos will reboot this node at the latest at 2024-12-09T19:27:57.001Z, and again and again.
  1. 192.168.1.80.services.ext-zpool-importer
     found:    ext-zpool-importer waits for /dev/zfs
     since:    at least 2024-12-09T18:17:57.001Z, for 15 s
     required: ${required}
     fix:      Load kernel module zfs, or use an image without zfs.
     rule:     services-start
${zfsWays("192.168.1.80")}`,
  ],
  [
    "talos-8466.dmesg.log",
    1,
    `talos-8466.dmesg.log: 1 problem
  Talos will reboot this node at the latest at 2024-03-19T20:51:17.518Z, and again and again.
  1. talos-8466.dmesg.log.services.ext-zpool-importer
     found:    ext-zpool-importer waits for /dev/zfs
     since:    at least 2024-03-19T19:41:17.518Z, for 45 s
     required: ${required}
     fix:      Load kernel module zfs, or use an image without zfs.
     rule:     services-start
${zfsWays("NODE")}`,
  ],
  [
    "talos-11838.services.txt",
    1,
    `10.84.183.41: 1 problem
  Talos will reboot this node about 58 min after this was saved, and again and again.
  1. 10.84.183.41.services.ext-qemu-guest-agent
     found:    ext-qemu-guest-agent waits for /dev/virtio-ports/org.qemu.guest_agent.0
     since:    2 min before this was saved
     required: ${required}
     fix:      Set image property hw_qemu_guest_agent=yes before the server is created, or use an image without qemu-guest-agent.
     rule:     services-start
  What to do:
  A) If servers are to use qemu-guest-agent: set the property on the image, for servers that are created from now on. A server keeps the properties that it was created with, so this one needs the slim image, or to be replaced.
       openstack image set --property hw_qemu_guest_agent=yes IMAGE
  B) If the node is not to use qemu-guest-agent: upgrade it to an image that holds just what it needs. The schematic of that image is not known here: its extensions were not seen.
${notSeen("Talos version", "extensions and schematic", "stage", "kernel log", "machine configuration", "loaded kernel modules")}`,
  ],
  [
    "talos-12145.dmesg.log",
    1,
    `talos-12145.dmesg.log: 2 problems
  Talos will reboot this node now, because its boot failed, and again and again.
  1. talos-12145.dmesg.log.services.ext-lldpd
     found:    ext-lldpd waits for its ExtensionServiceConfig
     required: ${required}
     fix:      Give the node an ExtensionServiceConfig named lldpd, or use an image without lldpd.
     rule:     services-start
  2. talos-12145.dmesg.log.boot
     found:    the boot sequence failed, last at 2025-11-03T14:52:55.009Z, because its time limit was over; it still waited for ext-lldpd
     required: a boot sequence that is done within 70 minutes
     fix:      Mend ext-lldpd; until then the node reboots again and again.
     rule:     boot-completes
  What to do:
  A) If the node is to use lldpd: give it its configuration, without a reboot. KEY=value stands for what lldpd needs.
       talosctl --nodes NODE patch mc --mode no-reboot --patch '{"apiVersion":"v1alpha1","kind":"ExtensionServiceConfig","name":"lldpd","environment":["KEY=value"]}'
  B) If the node is not to use lldpd: upgrade it to an image that holds just what it needs. The schematic of that image is not known here: its extensions were not seen.
${notSeen("Talos version", "extensions and schematic", "stage", "services", "machine configuration", "loaded kernel modules")}`,
  ],
];

describe("public reports", () => {
  it.each(reports)("%s is explained", async (name, status, text) => {
    expect(await doctor(path.join(folder, name))).toEqual({
      status,
      errors: "",
      output: `${text}\n\n1 node: 1 with problems, 0 not seen, 0 healthy`,
    });
  });

  it("a service that is started again and again is no wait", async () => {
    const { status, output } = await doctor(path.join(folder, "talos-10096.dmesg.log"));
    expect(status).toBe(0);
    expect(output).toContain("NODE-HOSTNAME: healthy, as far as it was seen\n");
  });

  it("are all here, with their sources", () => {
    const names = fs.readdirSync(folder).filter((name) => name !== "README.md");
    const read = fs.readFileSync(path.join(folder, "README.md"), "utf8");
    const told = [...reports.map(([name]) => name), "talos-10096.dmesg.log"];
    expect(names.sort()).toEqual(told.sort());
    for (const name of names) expect(read).toContain(`\`${name}\``);
  });
});
