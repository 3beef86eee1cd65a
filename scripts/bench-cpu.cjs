// Loaded into every Node process of a measured run (NODE_OPTIONS): writes down the processor time that it took.
const { appendFileSync } = require("node:fs");

process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  const line = { script: process.argv[1] ?? "", seconds: (user + system) / 1e6 };
  appendFileSync(process.env.BENCH_CPU_FILE, `${JSON.stringify(line)}\n`);
});
