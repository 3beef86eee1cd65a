// Writes down what a policy pack is told, and when.
const fs = require("node:fs");
const path = require("node:path");
const { PolicyPack } = require("@pulumi/policy");

const journal = path.join(__dirname, "..", "journal");
const write = (entry) =>
  fs.appendFileSync(journal, JSON.stringify({ process: process.pid, ...entry }) + "\n");

function readable(properties) {
  const read = (name) => {
    try {
      return JSON.parse(JSON.stringify(properties[name]));
    } catch (error) {
      return `<${error.message}>`;
    }
  };
  return Object.fromEntries(Object.keys(properties).map((name) => [name, read(name)]));
}

const remembered = [];

new PolicyPack("ledger", {
  policies: [
    {
      name: "first",
      description: "Remembers every resource.",
      enforcementLevel: "mandatory",
      validateResource: (args, report) => {
        remembered.push(args.name);
        const keys = Object.keys(args).filter((key) => typeof args[key] !== "function");
        write({
          event: "analysed",
          name: args.name,
          keys,
          properties: readable(args.props),
          remembered: [...remembered],
        });
        if (args.name === process.env.DENIED) report(`denied after ${remembered.length}`);
      },
    },
    {
      name: "second",
      description: "Sees what the first one remembers.",
      enforcementLevel: "mandatory",
      validateResource: (args) =>
        write({ event: "second", name: args.name, last: remembered.at(-1) }),
    },
    {
      name: "stack",
      description: "Sees the whole stack.",
      enforcementLevel: "mandatory",
      validateStack: (args) => {
        for (const resource of args.resources) {
          const links = Object.entries(resource.propertyDependencies).map(([key, on]) => [
            key,
            on.map((r) => r.name),
          ]);
          write({
            event: "stack",
            name: resource.name,
            properties: readable(resource.props),
            links: Object.fromEntries(links),
          });
        }
      },
    },
  ],
});
