// Does not prove that the shell commands of the guide work: they ask a running node.
import * as fs from "node:fs";
import * as path from "node:path";

import { outputKinds, outputNames, outputOfFile } from "../../doctor/outputs";
import { runningNodeRules } from "../../lib/rules/running-node";
import { doctor, incident, save, temporaryFolder } from "./support";

const guide = fs.readFileSync(path.join(__dirname, "../../docs/guides/troubleshooting.md"), "utf8");

describe("the guide", () => {
  it("shows what the doctor prints", async () => {
    const folder = temporaryFolder();
    save(folder, incident);
    const { output } = await doctor(folder);
    fs.rmSync(folder, { recursive: true });
    expect(guide).toContain(`\`\`\`\n${output}\n\`\`\`\n`);
  });

  it("names each file with its command", () => {
    const rows = outputNames.map((name) => {
      const { args, files } = outputKinds[name];
      return `| \`${files[0]}\` | \`talosctl ${args.join(" ")}\` |`;
    });
    expect(guide).toContain(`| --- | --- |\n${rows.join("\n")}\n\n`);
    const saved = [...guide.matchAll(/> ([\w-]+\.(?:txt|log))$/gm)].map(([, file = ""]) => file);
    expect(saved.map(outputOfFile)).toEqual(["version", "services", "modules", "dmesg"]);
    const [, list = ""] = /for what in ([\w ]+); do/.exec(guide) ?? [];
    for (const name of list.split(" ")) {
      const output = outputOfFile(`${name}.json`);
      expect(output && outputKinds[output].args[1]).toBe(name);
    }
  });

  it("names every rule over running nodes", () => {
    for (const rule of [...Object.keys(runningNodeRules), "services-run"]) {
      expect(guide).toContain(`\n| \`${rule}\` | `);
    }
  });
});
